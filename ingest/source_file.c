/*
 * Files and standard input: an Avro container if they begin with "Obj\1", else lines of JSON.
 *
 * Offsets. Lines count from 0, blank ones too (they are no records, but keep their number).
 * Containers count data from 0 as the blocks announce them; a damaged part counts one, and so does
 * what a block has behind its last datum. A datum that cannot be read takes the rest of its block
 * with it, for nothing says where the next one begins: one dead letter under the offset of the bad
 * datum, and the next block goes on behind all that this one announced.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/source.h"
#include "ingest/wire/container.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"

enum {
    LINE_MAX_BYTES = 1024 * 1024,
    KEPT_BYTES = 64 * 1024, /* of what is too long or cannot be opened, for the dead letter */
    READ_BYTES = 64 * 1024
};

enum form { FORM_UNKNOWN, FORM_EMPTY, FORM_LINES, FORM_CONTAINER, FORM_ENDED };

struct file {
    char *path;
    int fd;
    bool may_wait; /* a pipe or terminal: bytes come when they come */
    enum form form;
    struct cw_decoder *decoder;
    int64_t next;    /* offset of the next record */
    int64_t skip_to; /* records up to this offset are passed over; -1: none */
    int read_errno;  /* the last read failed */
    bool interrupted;

    /* bytes read and not yet used: [at, in.len) */
    struct cw_buf in;
    size_t at;
    bool in_ended;

    /* lines */
    struct cw_buf kept; /* the beginning of a line that is too long */
    int64_t long_line;  /* its length so far; 0: the line is not too long */

    /* containers */
    struct cw_container *container;
    bool opening; /* what is read is kept in `in` for the dead letter */
    cw_str block; /* what is left of the block */
    int64_t left; /* data announced and not yet given */
};

/* --- bytes --- */

/* Bytes read, 0 at the end, -1 for an error or a signal (read_errno, interrupted). */
static int64_t read_some(struct file *file, void *into, size_t len)
{
    ssize_t got = read(file->fd, into, len);
    if (got < 0 && errno == EINTR)
        file->interrupted = true;
    else if (got < 0)
        file->read_errno = errno;
    return got;
}

/* True if a read would not block: bytes are there, or the end, or an error that it will name. */
static bool is_ready(const struct file *file)
{
    if (!file->may_wait)
        return true;
    struct pollfd poll_fd = { .fd = file->fd, .events = POLLIN };
    return poll(&poll_fd, 1, 0) > 0;
}

/* More bytes behind those that are there. */
static int64_t fill(struct file *file)
{
    if (file->at > 0) {
        memmove(file->in.data, file->in.data + file->at, file->in.len - file->at);
        file->in.len -= file->at;
        file->at = 0;
    }
    int64_t got = read_some(file, cw_buf_reserve(&file->in, READ_BYTES), READ_BYTES);
    if (got > 0)
        file->in.len += (size_t)got;
    file->in_ended = got == 0;
    return got;
}

static enum cw_pull failed(struct file *file, struct cw_record *out)
{
    (void)cw_reject(&out->reason, "read_failed", "", "%.150s: cannot be read: %s", file->path,
                    strerror(file->read_errno));
    return CW_PULL_FAILED;
}

/* A signal came while bytes were awaited; the caller looks what it means, and may ask again. */
static enum cw_pull not_now(struct file *file, struct cw_record *out)
{
    if (!file->interrupted)
        return failed(file, out);
    file->interrupted = file->form == FORM_CONTAINER; /* its reader has lost its place */
    return CW_PULL_WAIT;
}

/*
 * The log says that more records were read than there are. To go on would be to end a source that
 * is not the one that was begun.
 */
static enum cw_pull end(struct file *file, struct cw_record *out)
{
    file->form = FORM_ENDED;
    if (file->skip_to < file->next)
        return CW_PULL_END;
    (void)cw_reject(&out->reason, "not_the_same", "",
                    "%.120s: expected the source that the log knows, read up to record %" PRId64
                    "; found its end before record %" PRId64,
                    file->path, file->skip_to, file->next);
    return CW_PULL_FAILED;
}

static bool is_skipped(const struct file *file, int64_t offset)
{
    return offset <= file->skip_to;
}

/* --- lines --- */

static bool is_blank(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r", text.ptr[i]) == NULL || text.ptr[i] == '\0')
            return false;
    }
    return true;
}

static enum cw_pull too_long(struct file *file, struct cw_record *out)
{
    out->offset = file->next++;
    out->bytes = (cw_str){ (const char *)file->kept.data, file->kept.len };
    (void)cw_reject(&out->reason, "too_large", "",
                    "expected a line of at most %d bytes, found one of %" PRId64
                    "; its first %zu bytes are kept",
                    LINE_MAX_BYTES, file->long_line, file->kept.len);
    file->long_line = 0;
    return CW_PULL_REJECT;
}

/* Takes what is there of a line that is too long. True: it is complete. */
static bool pass_long_line(struct file *file)
{
    const uint8_t *from = file->in.data + file->at;
    size_t there = file->in.len - file->at;
    const uint8_t *newline = there > 0 ? memchr(from, '\n', there) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - from) : there;
    if (file->long_line == 0) {
        file->kept.len = 0;
        cw_buf_put(&file->kept, from, len < KEPT_BYTES ? len : KEPT_BYTES);
    }
    file->long_line += (int64_t)len;
    file->at += len + (newline != NULL);
    return newline != NULL;
}

/*
 * The next line without its end. CW_PULL_BODY: it is in *line, which points into the buffer until
 * the next fill; CW_PULL_REJECT: it is too long (too_long makes the record).
 */
static enum cw_pull next_line(struct file *file, cw_str *line, struct cw_record *out)
{
    enum { PASSES_MAX = 64 };
    size_t searched = 0;
    int passes = 0;
    for (;;) {
        if (file->long_line > 0 && pass_long_line(file))
            return CW_PULL_REJECT;
        if (file->long_line > 0 && passes++ == PASSES_MAX)
            return CW_PULL_WAIT; /* a line that never ends must not keep us from stopping */
        const char *from = (const char *)file->in.data + file->at;
        size_t there = file->in.len - file->at;
        const char *newline =
            there > searched ? memchr(from + searched, '\n', there - searched) : NULL;
        size_t len = newline != NULL ? (size_t)(newline - from) : there;
        if (len > LINE_MAX_BYTES) {
            if (pass_long_line(file))
                return CW_PULL_REJECT;
            continue;
        }
        if (newline != NULL || (file->in_ended && len > 0)) {
            *line = (cw_str){ from, len };
            file->at += len + (newline != NULL);
            return CW_PULL_BODY;
        }
        if (file->in_ended)
            return file->long_line > 0 ? CW_PULL_REJECT : CW_PULL_END;
        searched = there;
        if (!is_ready(file))
            return CW_PULL_WAIT;
        if (fill(file) < 0)
            return not_now(file, out);
    }
}

static enum cw_pull pull_line(struct file *file, struct cw_record *out)
{
    for (;;) {
        cw_str line;
        enum cw_pull pulled = next_line(file, &line, out);
        if (pulled == CW_PULL_REJECT) {
            (void)too_long(file, out);
            if (!is_skipped(file, out->offset))
                return CW_PULL_REJECT;
            continue;
        }
        if (pulled == CW_PULL_END)
            return end(file, out);
        if (pulled != CW_PULL_BODY)
            return pulled;
        int64_t offset = file->next++;
        if (is_blank(line) || is_skipped(file, offset))
            continue;
        out->offset = offset;
        out->bytes = line;
        bool fine = cw_decoder_json(file->decoder, line, &out->body, &out->reason);
        return fine ? CW_PULL_BODY : CW_PULL_REJECT;
    }
}

/* --- containers --- */

/* The first bytes were read to tell the form; then come those behind them. */
static int64_t read_container(void *context, void *into, size_t len)
{
    struct file *file = context;
    size_t there = file->in.len - file->at;
    if (there > 0) {
        size_t take = len < there ? len : there;
        memcpy(into, file->in.data + file->at, take);
        file->at += take;
        return (int64_t)take;
    }
    int64_t got = read_some(file, into, len);
    if (got > 0 && file->opening && file->in.len < KEPT_BYTES) {
        size_t room = KEPT_BYTES - file->in.len;
        cw_buf_put(&file->in, into, (size_t)got < room ? (size_t)got : room);
        file->at = file->in.len;
    }
    return got;
}

/* The file as a whole is one dead letter. */
static enum cw_pull reject_file(struct file *file, struct cw_record *out)
{
    int64_t offset = file->next++;
    file->form = FORM_ENDED;
    if (is_skipped(file, offset))
        return end(file, out);
    out->offset = offset;
    size_t len = file->in.len < KEPT_BYTES ? file->in.len : KEPT_BYTES;
    out->bytes = (cw_str){ (const char *)file->in.data, len };
    return CW_PULL_REJECT;
}

static enum cw_pull open_container(struct file *file, struct cw_record *out)
{
    file->opening = true;
    file->container = cw_container_open(read_container, file, &out->reason);
    file->opening = false;
    if (file->container == NULL && (file->read_errno != 0 || file->interrupted))
        return not_now(file, out);
    if (file->container == NULL)
        return reject_file(file, out);
    /* A contract's schema is for bare bodies; a container says itself what wrote it. */
    if (!cw_decoder_schema(file->decoder, cw_container_schema(file->container), &out->reason))
        return reject_file(file, out);
    return CW_PULL_BODY;
}

/* What is left of the block, as one dead letter under `offset`. */
static enum cw_pull reject_rest(struct file *file, int64_t offset, struct cw_record *out)
{
    out->offset = offset;
    out->bytes = file->block;
    file->block = (cw_str){ NULL, 0 };
    file->left = 0;
    return CW_PULL_REJECT;
}

static enum cw_pull bad_datum(struct file *file, int64_t offset, struct cw_record *out)
{
    char sentence[CW_REASON_TEXT];
    int64_t lost = file->left;
    snprintf(sentence, sizeof(sentence), "%.170s; %" PRId64 " %s of the block cannot be read",
             out->reason.sentence, lost, lost == 1 ? "datum" : "data");
    memcpy(out->reason.sentence, sentence, sizeof(sentence));
    file->next = offset + lost;
    return reject_rest(file, offset, out);
}

/* CW_PULL_BODY: a block is there. */
static enum cw_pull next_block(struct file *file, struct cw_record *out)
{
    int64_t count = 0;
    cw_str bytes = { NULL, 0 };
    if (!is_ready(file))
        return CW_PULL_WAIT;
    enum cw_block got = cw_container_next(file->container, &count, &bytes, &out->reason);
    if (file->read_errno != 0 || file->interrupted)
        return not_now(file, out);
    if (got == CW_BLOCK_END)
        return end(file, out);
    file->block = bytes;
    if (got == CW_BLOCK_DAMAGED)
        return reject_rest(file, file->next++, out);
    /* A datum takes a byte at least; so no count can keep us busy with nothing, or overflow. */
    if (count < 0 || (uint64_t)count > bytes.len) {
        (void)cw_reject(&out->reason, "bad_block", "",
                        "expected a block with a count of at most its %zu bytes, found %" PRId64,
                        bytes.len, count);
        return reject_rest(file, file->next++, out);
    }
    file->left = count;
    return CW_PULL_BODY;
}

/* One datum, or what stands behind the last one; the block has something left. */
static enum cw_pull next_datum(struct file *file, struct cw_record *out)
{
    int64_t offset = file->next++;
    if (file->left == 0) {
        (void)cw_reject(&out->reason, "bad_block", "",
                        "expected the end of the block behind its last datum, found %zu bytes",
                        file->block.len);
        return reject_rest(file, offset, out);
    }
    size_t consumed = 0;
    if (!cw_decoder_datum(file->decoder, file->block, &consumed, &out->body, &out->reason))
        return bad_datum(file, offset, out);
    if (consumed == 0) {
        (void)cw_reject(&out->reason, "bad_block", "",
                        "expected data with content, found a schema whose data take no bytes");
        return bad_datum(file, offset, out);
    }
    out->offset = offset;
    out->bytes = (cw_str){ file->block.ptr, consumed };
    file->block.ptr += consumed;
    file->block.len -= consumed;
    file->left--;
    return CW_PULL_BODY;
}

static enum cw_pull pull_datum(struct file *file, struct cw_record *out)
{
    if (file->interrupted)
        return CW_PULL_WAIT;
    if (file->container == NULL) {
        enum cw_pull opened = open_container(file, out);
        if (opened != CW_PULL_BODY)
            return opened;
    }
    for (;;) {
        enum cw_pull pulled = CW_PULL_BODY;
        bool is_new = file->left == 0 && file->block.len == 0;
        if (is_new)
            pulled = next_block(file, out);
        if (pulled == CW_PULL_BODY && is_new && file->left == 0 && file->block.len == 0)
            continue; /* a block of nothing */
        if (pulled == CW_PULL_BODY)
            pulled = next_datum(file, out);
        bool is_record = pulled == CW_PULL_BODY || pulled == CW_PULL_REJECT;
        if (!is_record || !is_skipped(file, out->offset))
            return pulled;
    }
}

/* --- the source --- */

/* CW_PULL_BODY: the form is known. */
static enum cw_pull tell_form(struct file *file, struct cw_record *out)
{
    static const char magic[4] = { 'O', 'b', 'j', 1 };
    while (file->in.len < sizeof(magic) && !file->in_ended) {
        if (!is_ready(file))
            return CW_PULL_WAIT;
        if (fill(file) < 0)
            return not_now(file, out);
    }
    bool is_container = file->in.len >= sizeof(magic) && memcmp(file->in.data, magic, 4) == 0;
    if (file->in.len == 0)
        file->form = FORM_EMPTY;
    else
        file->form = is_container ? FORM_CONTAINER : FORM_LINES;
    return CW_PULL_BODY;
}

static enum cw_pull pull(void *self, struct cw_record *out)
{
    struct file *file = self;
    *out = (struct cw_record){ 0 };
    if (file->form == FORM_UNKNOWN) {
        enum cw_pull told = tell_form(file, out);
        if (told != CW_PULL_BODY)
            return told;
    }
    switch (file->form) {
    case FORM_LINES:
        return pull_line(file, out);
    case FORM_CONTAINER:
        return pull_datum(file, out);
    case FORM_EMPTY:
        return end(file, out);
    case FORM_UNKNOWN:
    case FORM_ENDED:
        break;
    }
    return CW_PULL_END;
}

static void skip(void *self, int64_t offset)
{
    struct file *file = self;
    file->skip_to = offset;
}

static void close_file(void *self)
{
    struct file *file = self;
    cw_container_close(file->container);
    cw_decoder_free(file->decoder);
    cw_buf_done(&file->in);
    cw_buf_done(&file->kept);
    if (file->fd > STDIN_FILENO)
        close(file->fd);
    free(file->path);
    free(file);
}

static const struct cw_source_ops file_ops = { .pull = pull, .skip = skip, .close = close_file };

bool cw_source_open_file(struct cw_sources *sources, const char *path, struct cw_contract *contract)
{
    struct stat status;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        cw_error("--source %s: cannot open it: %s", path, strerror(errno));
        return false;
    }
    struct file *file = cw_new(struct file);
    file->path = cw_strdup(path);
    file->fd = fd;
    file->may_wait = !S_ISREG(status.st_mode);
    file->skip_to = -1;
    file->decoder = cw_decoder_new(contract);
    struct cw_source source = { .ops = &file_ops,
                                .self = file,
                                .name = cw_strdup(path),
                                .contract_name = cw_strdup(contract->name),
                                .contract = contract };
    cw_sources_append(sources, &source);
    return true;
}
