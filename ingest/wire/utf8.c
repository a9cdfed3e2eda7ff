#include "ingest/wire/utf8.h"

static bool continues(const uint8_t *text, size_t count)
{
    for (size_t i = 1; i <= count; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

bool cw_utf8_valid(const uint8_t *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint8_t lead = text[i];
        size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || len - i <= more ||
            !continues(text + i, more))
            return false;
        uint8_t second = more != 0 ? text[i + 1] : 0;
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
            (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
            return false;
        i += 1 + more;
    }
    return true;
}
