# SPDX-License-Identifier: Apache-2.0
# Lets the library load on a glibc as old as 2.28 (RHEL 8, Ubuntu 20.04), whatever glibc it is built with.
#
# glibc 2.34 moved what was in libpthread, libdl and librt to libc and gave these functions new versions, which an older glibc does
# not have; it still answers to the old ones. So the linker is shown libraries of the old names with the old versions. They hold nothing
# and are never shipped: at run time the system's own answer.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(QLIF_OLD_GLIBC GLIBC_2.2.5)
  set(QLIF_OLD_GLIBC_dlmopen GLIBC_2.3.4)
  set(QLIF_OLD_GLIBC_pthread_setname_np GLIBC_2.12)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(QLIF_OLD_GLIBC GLIBC_2.17)
endif()

# Links target qlif with a library that the system calls soname, as it was before glibc 2.34, for the functions named.
function(qlif_link_as_before soname)
  string(MAKE_C_IDENTIFIER ${soname} name)
  set(source "")
  set(versions "")
  foreach(function ${ARGN})
    string(APPEND source "void ${function}(void) {}\n")
    if(DEFINED QLIF_OLD_GLIBC_${function})
      set(version ${QLIF_OLD_GLIBC_${function}})
    else()
      set(version ${QLIF_OLD_GLIBC})
    endif()
    if(NOT version IN_LIST versions)
      list(APPEND versions ${version})
    endif()
    string(APPEND map_${version} "${function};")
  endforeach()
  set(map "")
  foreach(version ${versions})
    string(APPEND map "${version} { ${map_${version}} };\n")
  endforeach()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/old-glibc)
  file(CONFIGURE OUTPUT ${folder}/${name}.c CONTENT "${source}" @ONLY)
  file(CONFIGURE OUTPUT ${folder}/${name}.map CONTENT "${map}" @ONLY)
  add_library(old_${name} SHARED ${folder}/${name}.c)
  set_target_properties(old_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${folder} C_VISIBILITY_PRESET default NO_SONAME ON)
  target_compile_options(old_${name} PRIVATE -fno-builtin -w)
  target_link_options(old_${name} PRIVATE -nostdlib -Wl,-soname,${soname} -Wl,--version-script=${folder}/${name}.map)
  add_dependencies(qlif old_${name})
  # As an option, so that no folder of the build gets into the library's search path.
  target_link_options(qlif PRIVATE "SHELL:-Wl,--push-state,--no-as-needed $<TARGET_FILE:old_${name}> -Wl,--pop-state")
endfunction()

if(DEFINED QLIF_OLD_GLIBC)
  qlif_link_as_before(libpthread.so.0 __pthread_key_create pthread_condattr_setpshared pthread_create pthread_detach
    pthread_getspecific pthread_join pthread_key_create pthread_key_delete pthread_kill pthread_mutex_trylock
    pthread_mutexattr_destroy pthread_mutexattr_init pthread_mutexattr_setpshared pthread_mutexattr_settype pthread_once
    pthread_rwlock_destroy pthread_rwlock_init pthread_rwlock_rdlock pthread_rwlock_timedrdlock pthread_rwlock_timedwrlock
    pthread_rwlock_tryrdlock pthread_rwlock_trywrlock pthread_rwlock_unlock pthread_rwlock_wrlock pthread_rwlockattr_destroy
    pthread_rwlockattr_init pthread_rwlockattr_setpshared pthread_setname_np pthread_setspecific pthread_sigmask pthread_spin_destroy
    pthread_spin_init pthread_spin_lock pthread_spin_trylock pthread_spin_unlock sem_destroy sem_init sem_post sem_timedwait
    sem_trywait sem_wait)
  qlif_link_as_before(libdl.so.2 dlclose dlerror dlmopen dlopen dlsym dlvsym)
  qlif_link_as_before(librt.so.1 shm_open shm_unlink)
  target_sources(qlif PRIVATE src/old_glibc.c)
endif()
