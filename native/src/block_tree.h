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

/** Adds blocks of `width` floats as they come, in memory for the sums of subtrees. */
class BlockTree {
 public:
  /** How many blocks of memory a tree of so many takes. */
  static int room(int64_t blocks) {
    int room = 1;
    for (; blocks > 1; blocks = (blocks + 1) / 2) {
      room++;
    }
    return room;
  }

  BlockTree(float *memory, int64_t width) : sums_(memory), width_(width) {}

  /** Where the next block is to be written, for add(). */
  float *next() { return sums_ + count_ * width_; }

  /** A binary counter: a subtree is added to the one before it where the two are halves of one. */
  void add() {
    count_++;
    end_++;
    for (int64_t subtrees = end_; subtrees % 2 == 0; subtrees /= 2) {
      merge();
    }
  }

  /** The sum of all blocks, zeros if there are none; nothing can be added to it. */
  const float *sum() {
    if (count_ == 0) {
      for (int64_t i = 0; i < width_; i++) {
        sums_[i] = 0;
      }
    }
    while (count_ > 1) {
      merge();
    }
    return sums_;
  }

 private:
  void merge() {
    count_--;
    const float *from = sums_ + count_ * width_;
    float *to = sums_ + (count_ - 1) * width_;
#pragma GCC ivdep
    for (int64_t i = 0; i < width_; i++) {
      to[i] += from[i];
    }
  }

  float *const sums_;
  const int64_t width_;
  int64_t count_ = 0;  // of subtrees
  int64_t end_ = 0;    // of blocks
};

}  // namespace

}  // namespace qlif

#endif
