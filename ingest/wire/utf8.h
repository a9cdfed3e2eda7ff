/* utf8.h - is it UTF-8? Shortest forms only, no surrogates, nothing above U+10FFFF. */
#ifndef CW_WIRE_UTF8_H
#define CW_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool cw_utf8_valid(const uint8_t *text, size_t len);

/**
 * True for text of ASCII only. `readable` bytes, at least len, may be read from text on, so that a
 * short text is one load where it is not the last.
 */
static inline bool cw_ascii(const uint8_t *text, size_t len, size_t readable)
{
    const uint64_t high = 0x8080808080808080u;
    uint64_t word;
    if (len < 8) {
        if (readable >= 8) {
            memcpy(&word, text, 8);
            return (word & high & ((UINT64_C(1) << 8 * len) - 1)) == 0;
        }
        uint8_t all = 0;
        for (size_t i = 0; i < len; i++)
            all |= text[i];
        return all < 0x80;
    }
    uint64_t all = 0;
    for (size_t i = 0; i + 8 < len; i += 8) {
        memcpy(&word, text + i, 8);
        all |= word;
    }
    memcpy(&word, text + len - 8, 8);
    return ((all | word) & high) == 0;
}

#endif
