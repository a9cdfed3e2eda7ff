#include "operators/runtime/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"

enum {
    HEADER_SIZE = 64,
    LOG_FORMAT = 1,
    NORMALISER =
        1, /* the version of keys that this program computes; raise with CW_NORMALISER_VERSION */
    WRITE_BUFFER = 1024 * 1024,
    MEMORY_SEGMENT = 16 * 1024 * 1024,
    FILE_SEGMENT = 256 * 1024 * 1024,
    ERROR_MAX = 256,
};

/* The first bytes of a segment file. */
struct header {
    char magic[8];
    uint32_t format;
    uint32_t normaliser;
    struct cw_id log;
    struct cw_id schemas; /* hash of the canonical schema's text */
    uint64_t base;
    uint32_t crc; /* of all before it */
    uint32_t zero;
};
_Static_assert(sizeof(struct header) == HEADER_SIZE, "the segment header has its size");

struct segment {
    uint64_t base;
    uint64_t len;   /* bytes of frames known to be there */
    uint8_t *bytes; /* memory; or the mapping of the file, header included */
    int fd;         /* -1 in memory */
};

struct cw_log {
    char *dir; /* NULL: in memory */
    bool writer;
    int lock_fd;
    int notify_fd;
    struct cw_id id;
    struct segment *segments;
    size_t count;
    uint64_t end;
    struct cw_buf pending; /* appended, not yet written */
    char error[ERROR_MAX];
};

static struct cw_id schema_hash(void)
{
    struct cw_id hash;
    const char *text = cw_event_schema_json();
    crypto_generichash(hash.b, sizeof(hash.b), (const unsigned char *)text, strlen(text), NULL, 0);
    return hash;
}

static struct segment *add_segment(struct cw_log *log, uint64_t base, int fd, uint8_t *bytes)
{
    log->segments = cw_realloc(log->segments, (log->count + 1) * sizeof(*log->segments));
    log->segments[log->count] = (struct segment){ base, 0, bytes, fd };
    return &log->segments[log->count++];
}

static const uint8_t *frames_of(const struct cw_log *log, const struct segment *segment)
{
    return segment->bytes + (log->dir != NULL ? HEADER_SIZE : 0);
}

static struct cw_log *log_new(const char *dir, bool writer)
{
    struct cw_log *log = cw_new(struct cw_log);
    log->dir = dir != NULL ? cw_strdup(dir) : NULL;
    log->writer = writer;
    log->lock_fd = -1;
    log->notify_fd = -1;
    return log;
}

struct cw_log *cw_log_memory(void)
{
    struct cw_log *log = log_new(NULL, true);
    add_segment(log, 0, -1, cw_alloc(MEMORY_SEGMENT));
    return log;
}

struct cw_id cw_log_id(const struct cw_log *log)
{
    return log->id;
}

uint64_t cw_log_end(const struct cw_log *log)
{
    return log->end;
}

const char *cw_log_error(const struct cw_log *log)
{
    return log->error;
}

/* --- segment files --- */

static void segment_path(const struct cw_log *log, uint64_t base, char path[4096])
{
    snprintf(path, 4096, "%s/%020" PRIu64 ".seg", log->dir, base);
}

/* Maps a whole segment's room, so that a growing file needs no new mapping. Reading behind the end
 * of the file would be SIGBUS: nobody looks behind segment->len. */
static bool open_segment(struct cw_log *log, uint64_t base, char *error, size_t error_len)
{
    char path[4096];
    segment_path(log, base, path);
    int fd = open(path, (log->writer ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct header header;
    struct stat st;
    void *bytes;
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(error, error_len, "%s: %s", path, strerror(errno));
        goto failed;
    }
    if (st.st_size < HEADER_SIZE || pread(fd, &header, sizeof(header), 0) != HEADER_SIZE ||
        memcmp(header.magic, "cwlogseg", 8) != 0 || header.base != base ||
        header.crc != cw_crc32c(&header, offsetof(struct header, crc))) {
        snprintf(error, error_len, "%s: expected the header of a log segment, found none", path);
        goto failed;
    }
    if (header.format != LOG_FORMAT || header.normaliser != NORMALISER ||
        !cw_id_eq(header.schemas, schema_hash())) {
        snprintf(error, error_len,
                 "%s: written by another version (format %u, normaliser %u, or other schemas): its "
                 "keys would not meet ours; rebuild the log from its sources with this program",
                 path, header.format, header.normaliser);
        goto failed;
    }
    bytes = mmap(NULL, HEADER_SIZE + (size_t)FILE_SEGMENT, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        snprintf(error, error_len, "%s: cannot map it: %s", path, strerror(errno));
        goto failed;
    }
    log->id = header.log;
    add_segment(log, base, fd, bytes)->len = (uint64_t)st.st_size - HEADER_SIZE;
    return true;

failed:
    if (fd >= 0)
        close(fd);
    return false;
}

static bool create_segment(struct cw_log *log, uint64_t base, char *error, size_t error_len)
{
    char path[4096];
    char temporary[4096 + 8];
    segment_path(log, base, path);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    struct header header = { .format = LOG_FORMAT,
                             .normaliser = NORMALISER,
                             .log = log->id,
                             .schemas = schema_hash(),
                             .base = base };
    memcpy(header.magic, "cwlogseg", sizeof(header.magic));
    header.crc = cw_crc32c(&header, offsetof(struct header, crc));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool made = fd >= 0 && cw_write_all(fd, &header, sizeof(header)) &&
                rename(temporary, path) == 0; /* a reader sees a whole header or no file */
    if (!made)
        snprintf(error, error_len, "%s: cannot make it: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return made && open_segment(log, base, error, error_len);
}

static int compare_bases(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Opens the segments of the directory that are not open yet, in order. */
static bool open_new_segments(struct cw_log *log, char *error, size_t error_len)
{
    DIR *dir = opendir(log->dir);
    if (dir == NULL) {
        snprintf(error, error_len, "%s: %s", log->dir, strerror(errno));
        return false;
    }
    uint64_t *bases = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len != 24 || strcmp(entry->d_name + 20, ".seg") != 0)
            continue;
        uint64_t base = strtoull(entry->d_name, NULL, 10);
        if (log->count > 0 && base <= log->segments[log->count - 1].base)
            continue;
        bases = cw_realloc(bases, (count + 1) * sizeof(*bases));
        bases[count++] = base;
    }
    closedir(dir);
    if (count > 1)
        qsort(bases, count, sizeof(*bases), compare_bases);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const struct segment *last = log->count > 0 ? &log->segments[log->count - 1] : NULL;
        ok = open_segment(log, bases[i], error, error_len);
        /* the array may have moved: look the one before up again */
        last = last != NULL ? &log->segments[log->count - 2] : NULL;
        struct stat st;
        if (ok && last != NULL &&
            (fstat(last->fd, &st) != 0 ||
             last->base + (uint64_t)st.st_size - HEADER_SIZE != bases[i])) {
            snprintf(error, error_len,
                     "%s: the segment that ends at %" PRIu64 " is missing or cut short", log->dir,
                     bases[i]);
            ok = false;
        }
    }
    free(bases);
    return ok;
}

static void refresh(const struct cw_log *log, struct segment *segment)
{
    struct stat st;
    if (log->dir != NULL && fstat(segment->fd, &st) == 0 && st.st_size >= HEADER_SIZE)
        segment->len = (uint64_t)st.st_size - HEADER_SIZE;
}

static struct segment *segment_of(struct cw_log *log, uint64_t position)
{
    size_t low = 0;
    size_t high = log->count;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (log->segments[mid].base <= position)
            low = mid;
        else
            high = mid;
    }
    return &log->segments[low];
}

static bool all_zero(const uint8_t *bytes, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

enum found { FOUND, NOTHING, TORN, DAMAGED };

/* What stands at an offset of a segment. TORN: what a write that was cut off, or is under way,
 * leaves at the very end of a file. */
static enum found look(const struct cw_log *log, const struct segment *segment, uint64_t offset,
                       const struct cw_frame **frame)
{
    const uint8_t *at = frames_of(log, segment) + offset;
    uint64_t left = segment->len - offset;
    if (left == 0)
        return NOTHING;
    int64_t length = cw_frame_check(at, left);
    if (length == 0)
        return TORN;
    if (length < 0)
        return all_zero(at, left) ? TORN : DAMAGED;
    *frame = (const struct cw_frame *)(const void *)at;
    if (!cw_frame_sealed(*frame) || (*frame)->position != segment->base + offset)
        return (uint64_t)length == left ? TORN : DAMAGED;
    return FOUND;
}

static void say_damaged(struct cw_log *log, const struct segment *segment, uint64_t offset)
{
    snprintf(log->error, sizeof(log->error),
             "%s/%020" PRIu64 ".seg: damaged at byte %" PRIu64 " (position %" PRIu64
             "): restore the segment from a copy, or rebuild the log",
             log->dir != NULL ? log->dir : "memory", segment->base, offset + HEADER_SIZE,
             segment->base + offset);
}

const struct cw_frame *cw_log_get(struct cw_log *log, uint64_t position)
{
    log->error[0] = '\0';
    if (log->writer && log->dir != NULL && log->pending.len > 0 &&
        position >= log->end - log->pending.len)
        cw_log_flush(log);
    if (position % 8 != 0)
        return NULL;
    struct segment *segment = segment_of(log, position);
    uint64_t offset = position - segment->base;
    if (offset >= segment->len)
        refresh(log, segment);
    if (offset == segment->len && !log->writer && log->dir != NULL && offset > 0 &&
        open_new_segments(log, log->error, sizeof(log->error))) {
        segment = segment_of(log, position);
        offset = position - segment->base;
    }
    if (offset > segment->len)
        return NULL;
    const struct cw_frame *frame = NULL;
    enum found found = look(log, segment, offset, &frame);
    if (found == TORN) { /* it may have grown whole while we looked */
        refresh(log, segment);
        found = look(log, segment, offset, &frame);
    }
    if (found == DAMAGED)
        say_damaged(log, segment, offset);
    if (found != FOUND)
        return NULL;
    if (log->end < position + frame->length)
        log->end = position + frame->length;
    return frame;
}

void cw_log_wait(struct cw_log *log, uint64_t position, int timeout_ms)
{
    if (log->dir == NULL)
        return;
    if (log->notify_fd < 0) {
        log->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (log->notify_fd >= 0)
            (void)inotify_add_watch(log->notify_fd, log->dir, IN_MODIFY | IN_MOVED_TO);
    }
    char events[4096];
    while (log->notify_fd >= 0 && read(log->notify_fd, events, sizeof(events)) > 0) {
        /* drained: what they told is looked at below */
    }
    if (cw_log_get(log, position) != NULL || log->error[0] != '\0')
        return;
    struct pollfd wait = { .fd = log->notify_fd, .events = POLLIN };
    (void)poll(&wait, log->notify_fd >= 0, timeout_ms);
}

/* --- opening --- */

struct cw_log *cw_log_read(const char *dir, char *error, size_t error_len)
{
    struct cw_log *log = log_new(dir, false);
    if (!open_new_segments(log, error, error_len))
        goto failed;
    if (log->count == 0) {
        snprintf(error, error_len, "%s: expected a log, found no segment; start ingest first", dir);
        goto failed;
    }
    return log;

failed:
    cw_log_close(log);
    return NULL;
}

/* Walks the last segment to its end; cuts a torn one off. */
static bool find_end(struct cw_log *log, char *error, size_t error_len)
{
    struct segment *segment = &log->segments[log->count - 1];
    uint64_t offset = 0;
    const struct cw_frame *frame = NULL;
    enum found found;
    while ((found = look(log, segment, offset, &frame)) == FOUND)
        offset += frame->length;
    if (found == DAMAGED) {
        say_damaged(log, segment, offset);
        snprintf(error, error_len, "%s", log->error);
        return false;
    }
    if (found == TORN && ftruncate(segment->fd, (off_t)(HEADER_SIZE + offset)) != 0) {
        snprintf(error, error_len, "%s: cannot cut the torn end off: %s", log->dir,
                 strerror(errno));
        return false;
    }
    segment->len = offset;
    log->end = segment->base + offset;
    if (lseek(segment->fd, 0, SEEK_END) < 0) {
        snprintf(error, error_len, "%s: %s", log->dir, strerror(errno));
        return false;
    }
    return true;
}

struct cw_log *cw_log_write(const char *dir, char *error, size_t error_len)
{
    struct cw_log *log = log_new(dir, true);
    char path[4096];
    snprintf(path, sizeof(path), "%s/lock", dir);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        snprintf(error, error_len, "%s: cannot make it: %s", dir, strerror(errno));
        goto failed;
    }
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (log->lock_fd < 0 || flock(log->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, error_len, "%s: %s", path,
                 errno == EWOULDBLOCK ? "another ingest writes this log; a log has one writer"
                                      : strerror(errno));
        goto failed;
    }
    if (!open_new_segments(log, error, error_len))
        goto failed;
    if (log->count == 0) {
        CW_CHECK(sodium_init() >= 0);
        randombytes_buf(log->id.b, sizeof(log->id.b));
        if (!create_segment(log, 0, error, error_len))
            goto failed;
    }
    if (!find_end(log, error, error_len))
        goto failed;
    return log;

failed:
    cw_log_close(log);
    return NULL;
}

void cw_log_close(struct cw_log *log)
{
    if (log == NULL)
        return;
    if (log->writer && log->dir != NULL && log->count > 0)
        cw_log_flush(log);
    for (size_t i = 0; i < log->count; i++) {
        if (log->dir == NULL) {
            free(log->segments[i].bytes);
            continue;
        }
        munmap(log->segments[i].bytes, HEADER_SIZE + (size_t)FILE_SEGMENT);
        close(log->segments[i].fd);
    }
    if (log->lock_fd >= 0)
        close(log->lock_fd);
    if (log->notify_fd >= 0)
        close(log->notify_fd);
    free(log->segments);
    free(log->dir);
    cw_buf_done(&log->pending);
    free(log);
}

/* --- writing --- */

static CW_NORETURN void disk_failed(const struct cw_log *log, const char *what)
{
    fprintf(stderr,
            "crosswatch: %s: cannot write the log: %s; nothing after the last whole frame "
            "counts, start again when the disk is well\n",
            log->dir, what);
    _exit(CW_EXIT_FAILED);
}

void cw_log_flush(struct cw_log *log)
{
    if (log->pending.len == 0)
        return;
    struct segment *segment = &log->segments[log->count - 1];
    if (!cw_write_all(segment->fd, log->pending.data, log->pending.len))
        disk_failed(log, strerror(errno));
    segment->len += log->pending.len;
    log->pending.len = 0;
}

void cw_log_sync(struct cw_log *log)
{
    if (log->dir == NULL)
        return;
    cw_log_flush(log);
    if (fdatasync(log->segments[log->count - 1].fd) != 0)
        disk_failed(log, strerror(errno));
}

static void next_segment(struct cw_log *log)
{
    if (log->dir == NULL) {
        add_segment(log, log->end, -1, cw_alloc(MEMORY_SEGMENT));
        return;
    }
    cw_log_sync(log);
    char error[ERROR_MAX];
    if (!create_segment(log, log->end, error, sizeof(error)))
        disk_failed(log, error);
    if (lseek(log->segments[log->count - 1].fd, 0, SEEK_END) < 0)
        disk_failed(log, strerror(errno));
}

/* Room for a frame behind the last one. */
static struct cw_frame *make_room(struct cw_log *log, size_t length)
{
    CW_CHECK(log->writer && length % 8 == 0);
    uint64_t room = log->dir != NULL ? (uint64_t)FILE_SEGMENT : (uint64_t)MEMORY_SEGMENT;
    struct segment *segment = &log->segments[log->count - 1];
    if (log->end - segment->base + length > room) {
        next_segment(log);
        segment = &log->segments[log->count - 1];
    }
    if (log->dir == NULL)
        return (struct cw_frame *)(void *)(segment->bytes + segment->len);
    if (log->pending.len >= WRITE_BUFFER)
        cw_log_flush(log);
    return (struct cw_frame *)(void *)cw_buf_reserve(&log->pending, length);
}

static uint64_t take(struct cw_log *log, struct cw_frame *frame)
{
    uint64_t position = log->end;
    frame->position = position;
    cw_frame_seal(frame);
    if (log->dir == NULL)
        log->segments[log->count - 1].len += frame->length;
    else
        log->pending.len += frame->length;
    log->end = position + frame->length;
    return position;
}

uint64_t cw_log_append(struct cw_log *log, const struct cw_frame *frame)
{
    struct cw_frame *copy = make_room(log, frame->length);
    memcpy(copy, frame, frame->length);
    return take(log, copy);
}

const struct cw_frame *cw_log_put(struct cw_log *log, const struct cw_frame *header,
                                  const struct cw_key *keys, size_t key_count, const void *body,
                                  size_t len)
{
    struct cw_frame *frame = make_room(log, cw_frame_size(key_count, len));
    cw_frame_make(frame, header, keys, key_count, body, len);
    (void)take(log, frame);
    return frame;
}
