// SPDX-License-Identifier: Apache-2.0
// Blocks of rows, and the fixed binary tree by which their sums are added: docs/numerics.md. BlockTree in Java is the same.
#ifndef QLIF_BLOCK_TREE_H
#define QLIF_BLOCK_TREE_H

#include <stdint.h>

#include "platform.h"

namespace qlif {

/** Rows of a block; the last one of a batch may have fewer. */
constexpr int BLOCK_ROWS = 32;

QLIF_FN int64_t blocksOf(int64_t rows) { return rows / BLOCK_ROWS + (rows % BLOCK_ROWS != 0); }

// Compiled for several instruction sets: the linker must not share any function between these objects.
namespace {

/** Adds blocks of `width` floats one after another. Needs memory for the sum of the latest complete subtree of each size, a power of two. */
class BlockTree {
 public:
  /** The memory, in blocks, that a tree of `blocks` blocks needs. */
  static int room(int64_t blocks) {
    int room = 1;
    for (; blocks > 1; blocks /= 2) {
      room++;
    }
    return room;
  }

  BlockTree(float *memory, int64_t width) : sums_(memory), width_(width) {}

  /** Where to write the next block, before add() or added(). */
  float *next() const { return subtree(level()); }

  /** Adds the next block, which was written at next(). */
  void add() {
    complete(next(), 0, width_);
    added();
  }

  /**
   * Completes a part of the next block, from element `from` on, by adding its subtree's earlier sums. When all parts are at next(), call
   * added().
   */
  void complete(float *part, int64_t from, int64_t count) const {
    // Works like a binary counter: adds a subtree to the one before it if the two are halves of a larger one.
    for (int i = 0; i < level(); i++) {
      addTo(part, subtree(i) + from, count);
    }
  }

  void added() { end_++; }

  /** The sum of all blocks; zeros if there are none. No block may be added afterwards. */
  const float *sum() const {
    if (end_ == 0) {
      for (int64_t i = 0; i < width_; i++) {
        sums_[i] = 0;
      }
      return sums_;
    }
    float *sum = nullptr;
    for (int i = 0; end_ >> i != 0; i++) {
      if ((end_ >> i & 1) == 0) {
        continue;
      }
      if (sum != nullptr) {
        addTo(subtree(i), sum, width_);
      }
      sum = subtree(i);
    }
    return sum;
  }

 private:
  /** The level of the subtree, of 2^level blocks, that the next block completes. */
  int level() const {
    int level = 0;
    while (end_ >> level & 1) {
      level++;
    }
    return level;
  }

  float *subtree(int level) const { return sums_ + level * width_; }

  static void addTo(float *to, const float *from, int64_t count) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; i++) {
      to[i] += from[i];
    }
  }

  float *const sums_;
  const int64_t width_;
  int64_t end_ = 0;  // the number of blocks added
};

}  // namespace

}  // namespace qlif

#endif
