/*
 * dice.h - random numbers that are the same everywhere for one seed (splitmix64).
 */
#ifndef CW_TESTS_DICE_H
#define CW_TESTS_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** 0 … n - 1 */
static inline size_t dice_below(struct dice *dice, size_t n)
{
    return (size_t)(dice_roll(dice) % n);
}

static inline bool dice_chance(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}

/** Shuffles the numbers. */
static inline void dice_shuffle(struct dice *dice, size_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = dice_below(dice, i);
        size_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

#endif
