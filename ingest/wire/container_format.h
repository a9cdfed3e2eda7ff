/* container_format.h - what reader and writer of container files share. */
#ifndef CW_WIRE_CONTAINER_FORMAT_H
#define CW_WIRE_CONTAINER_FORMAT_H

#include "operators/runtime/str.h"

enum { CW_SYNC_LEN = 16, CW_MAGIC_LEN = 4 };

#define CW_CONTAINER_MAGIC "Obj\x01"

enum cw_codec { CW_CODEC_NULL, CW_CODEC_DEFLATE, CW_CODEC_SNAPPY, CW_CODEC_ZSTANDARD };

/** False: the name is none of the four. */
static inline bool cw_codec_parse(cw_str name, enum cw_codec *out)
{
    static const char *const names[] = { "null", "deflate", "snappy", "zstandard" };
    for (int i = 0; i < 4; i++) {
        if (cw_str_is(name, names[i])) {
            *out = (enum cw_codec)i;
            return true;
        }
    }
    return false;
}

#endif
