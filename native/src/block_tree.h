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

// Compiled for several instruction sets: nothing here may have a copy that two objects share.
namespace {

/** Adds blocks of `width` floats as they come, in memory for the sums of subtrees: one of each size, a power of two, that has been whole. */
class BlockTree {
 public:
  /** How many blocks of memory a tree of so many takes. */
  static int room(int64_t blocks) {
    int room = 1;
    for (; blocks > 1; blocks /= 2) {
      room++;
    }
    return room;
  }

  BlockTree(float *memory, int64_t width) : sums_(memory), width_(width) {}

  /** Where the next block is to be written, for add() or added(). */
  float *next() const { return subtree(level()); }

  /** Adds the next block, as it is written at next(). */
  void add() {
    complete(next(), 0, width_);
    added();
  }

  /** Part of the next block, from element `from` on: adds what its subtree has before it. All parts done and written at next(): added(). */
  void complete(float *part, int64_t from, int64_t count) const {
    // A binary counter: a subtree is added to the one before it if the two are halves of a larger one.
    for (int i = 0; i < level(); i++) {
      addTo(part, subtree(i) + from, count);
    }
  }

  void added() { end_++; }

  /** The sum of all blocks, zeros if there are none; nothing can be added to it. */
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
  /** The next block completes a subtree of 2^level blocks. */
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
  int64_t end_ = 0;  // of the blocks
};

}  // namespace

}  // namespace qlif

#endif
