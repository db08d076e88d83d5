/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols newer than glibc 2.28 that the statically linked C++ runtime needs; see old-glibc.cmake. Both stay inside the library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

/* New in 2.32: whether there is only one thread, so that atomic operations can be avoided. Here they never are. */
char __libc_single_threaded = 0;

#ifdef DLFO_EH_SEGMENT_TYPE
/* New in 2.35: finds the unwinding table of the code at an address, for exceptions. dl_iterate_phdr has the same information. */
struct search {
  ElfW(Addr) address;
  struct dl_find_object *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size;
  struct search *search = data;
  void *table = NULL;
  const ElfW(Phdr) *segment = NULL;
  for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &object->dlpi_phdr[i];
    ElfW(Addr) begin = object->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD && search->address >= begin && search->address - begin < header->p_memsz) {
      segment = header;
    } else if (header->p_type == DLFO_EH_SEGMENT_TYPE) {
      table = (void *)begin;
    }
  }
  if (segment == NULL) {
    return 0;
  }
  if (table == NULL) {
    return -1;
  }
  *search->found = (struct dl_find_object){.dlfo_map_start = (void *)(object->dlpi_addr + segment->p_vaddr),
      .dlfo_map_end = (void *)(object->dlpi_addr + segment->p_vaddr + segment->p_memsz), .dlfo_eh_frame = table};
  return 1;
}

int _dl_find_object(void *address, struct dl_find_object *found) {
  struct search search = {(ElfW(Addr))address, found};
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}
#endif
