#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/buf.h"
#include "operators/runtime/mem.h"

enum { REST_MS = 2, SANITIZER_STATUS = 99 };

struct cw_test_room {
    char dir[128];
    void **blocks; /* texts and processes */
    size_t block_count;
    struct cw_test_process **processes;
    size_t process_count;
};

/* --- rooms --- */

static void *keep(struct cw_test_room *room, void *block)
{
    room->blocks = cw_realloc(room->blocks, (room->block_count + 1) * sizeof(*room->blocks));
    return room->blocks[room->block_count++] = block;
}

/* The status of a sanitizer's report must not be one of the program's own. */
static void mark_reports(const char *variable)
{
    struct cw_buf value = { 0 };
    const char *old = getenv(variable);
    cw_buf_printf(&value, "%s%sexitcode=%d", old != NULL ? old : "", old != NULL ? ":" : "",
                  SANITIZER_STATUS);
    cw_buf_u8(&value, 0);
    if (old == NULL || strstr(old, "exitcode=") == NULL)
        setenv(variable, (const char *)value.data, 1);
    cw_buf_done(&value);
}

struct cw_test_room *cw_test_room_new(void)
{
    struct cw_test_room *room = cw_new(struct cw_test_room);
    const char *base = getenv("TMPDIR");
    snprintf(room->dir, sizeof(room->dir), "%s/crosswatch-test-XXXXXX",
             base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(room->dir));
    /* What a killed program leaves behind becomes a child of this one, which can wait for it. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    mark_reports("ASAN_OPTIONS");
    mark_reports("LSAN_OPTIONS");
    mark_reports("UBSAN_OPTIONS");
    return room;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Takes note of a program that has ended; reaps what it left behind. False: nothing is left. */
static bool reap_group(struct cw_test_process *process)
{
    for (;;) {
        int status;
        struct rusage usage;
        pid_t pid = wait4(-process->pid, &status, WNOHANG, &usage);
        if (pid == process->pid) {
            process->ended = true;
            process->max_rss = usage.ru_maxrss;
            process->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (pid <= 0) {
            return kill(-process->pid, 0) == 0;
        }
    }
}

void cw_test_room_free(struct cw_test_room *room)
{
    if (room == NULL)
        return;
    for (size_t i = 0; i < room->process_count; i++) {
        while (reap_group(room->processes[i])) {
            (void)kill(-room->processes[i]->pid, SIGKILL);
            (void)poll(NULL, 0, REST_MS);
        }
    }
    (void)nftw(room->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < room->block_count; i++)
        free(room->blocks[i]);
    free(room->blocks);
    free(room->processes);
    free(room);
}

const char *cw_test_dir(const struct cw_test_room *room)
{
    return room->dir;
}

CW_PRINTF(3, 0)
static const char *text_of(struct cw_test_room *room, const char *before, const char *format,
                           va_list args)
{
    char *text;
    char *whole;
    assert_true(vasprintf(&text, format, args) >= 0);
    assert_true(asprintf(&whole, "%s%s", before, text) >= 0);
    free(text);
    return keep(room, whole);
}

const char *cw_test_text(struct cw_test_room *room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = text_of(room, "", format, args);
    va_end(args);
    return text;
}

const char *cw_test_path(struct cw_test_room *room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = text_of(room, cw_test_text(room, "%s/", room->dir), format, args);
    va_end(args);
    return path;
}

/* --- programs --- */

static void add_all(struct cw_test_words *words, va_list args)
{
    for (const char *text; (text = va_arg(args, const char *)) != NULL;) {
        assert_true(words->count < CW_TEST_WORDS);
        words->items[words->count++] = text;
    }
}

void cw_test_add(struct cw_test_words *words, ...)
{
    va_list args;
    va_start(args, words);
    add_all(words, args);
    va_end(args);
}

static CW_NORETURN void become(const struct cw_test_process *process, char *const *argv,
                               const char *input)
{
    enum { WRITE = O_WRONLY | O_CREAT | O_TRUNC };
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves none behind */
    int in_fd = open(input != NULL ? input : "/dev/null", O_RDONLY);
    int out_fd = open(process->output, WRITE, 0644);
    int err_fd = open(process->errors, WRITE, 0644);
    if (in_fd >= 0 && dup2(in_fd, 0) == 0 && dup2(out_fd, 1) == 1 && dup2(err_fd, 2) == 2) {
        closefrom(3);
        execvp(argv[0], argv);
    }
    _exit(127);
}

struct cw_test_process *cw_test_start(struct cw_test_room *room, const struct cw_test_words *words,
                                      const char *input)
{
    struct cw_test_process *process = keep(room, cw_new(struct cw_test_process));
    size_t number = room->process_count++;
    char *argv[CW_TEST_WORDS + 1] = { NULL };
    for (size_t i = 0; i < words->count; i++)
        argv[i] = keep(room, cw_strdup(words->items[i]));
    process->room = room;
    process->output = cw_test_path(room, "%zu.out", number);
    process->errors = cw_test_path(room, "%zu.err", number);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0)
        become(process, argv, input);
    setpgid(process->pid, process->pid); /* whoever of the two comes first */
    size_t size = room->process_count * sizeof(*room->processes);
    room->processes = cw_realloc(room->processes, size);
    room->processes[number] = process;
    return process;
}

static void tell(struct cw_test_process *process)
{
    print_message("%s\n%s\n", cw_test_read(process->room, process->output, NULL),
                  cw_test_read(process->room, process->errors, NULL));
}

bool cw_test_ended(struct cw_test_process *process)
{
    if (process->ended)
        return true;
    int status;
    struct rusage usage;
    pid_t pid = wait4(process->pid, &status, WNOHANG, &usage);
    assert_true(pid >= 0);
    if (pid == 0)
        return false;
    process->ended = true;
    process->max_rss = usage.ru_maxrss;
    process->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

static void refuse_reports(struct cw_test_process *process)
{
    if (process->status != SANITIZER_STATUS &&
        !cw_test_file_has(process->room, process->errors, "Sanitizer:") &&
        !cw_test_file_has(process->room, process->errors, "runtime error:"))
        return;
    tell(process);
    fail_msg("a sanitizer has something to say");
}

int cw_test_wait(struct cw_test_process *process)
{
    int64_t since = cw_test_now_ms();
    while (!cw_test_ended(process)) {
        if (cw_test_now_ms() - since > CW_TEST_LIMIT_MS)
            tell(process);
        cw_test_rest(since, CW_TEST_LIMIT_MS, "the end of a program");
    }
    refuse_reports(process);
    return process->status;
}

void cw_test_wait_for_status(struct cw_test_process *process, int status)
{
    if (cw_test_wait(process) == status)
        return;
    tell(process);
    fail_msg("expected exit status %d, found %d", status, process->status);
}

void cw_test_wait_for_group(struct cw_test_process *process, int64_t limit_ms)
{
    int64_t since = cw_test_now_ms();
    while (reap_group(process))
        cw_test_rest(since, limit_ms, "the end of all that a program had started");
}

struct cw_test_process *cw_test_run(struct cw_test_room *room, int status,
                                    const struct cw_test_words *words, const char *input)
{
    struct cw_test_process *process = cw_test_start(room, words, input);
    cw_test_wait_for_status(process, status);
    return process;
}

struct cw_test_process *cw_test_crosswatch(struct cw_test_room *room, int status, ...)
{
    struct cw_test_words words = { { CW_PROGRAM }, 1 };
    va_list args;
    va_start(args, status);
    add_all(&words, args);
    va_end(args);
    return cw_test_run(room, status, &words, NULL);
}

/* --- waiting --- */

int64_t cw_test_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cw_test_rest(int64_t since, int64_t limit_ms, const char *what)
{
    if (cw_test_now_ms() - since > limit_ms)
        fail_msg("waited %lld ms for %s", (long long)limit_ms, what);
    (void)poll(NULL, 0, REST_MS);
}

/* --- files --- */

const char *cw_test_read(struct cw_test_room *room, const char *path, size_t *len)
{
    struct cw_buf bytes = { 0 };
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    for (;;) {
        enum { STEP = 65536 };
        size_t got = fread(cw_buf_reserve(&bytes, STEP), 1, STEP, file);
        bytes.len += got;
        if (got == 0)
            break;
    }
    assert_int_equal(ferror(file), 0);
    fclose(file);
    if (len != NULL)
        *len = bytes.len;
    cw_buf_u8(&bytes, 0);
    return keep(room, bytes.data);
}

void cw_test_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

size_t cw_test_count_lines(struct cw_test_room *room, const char *path)
{
    size_t lines = 0;
    for (const char *at = cw_test_read(room, path, NULL); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    return lines;
}

void cw_test_same_files(struct cw_test_room *room, const char *expected, const char *found)
{
    size_t lens[2];
    const char *texts[2] = { cw_test_read(room, expected, &lens[0]),
                             cw_test_read(room, found, &lens[1]) };
    size_t line = 0;
    size_t at = 0;
    while (at < lens[0] && at < lens[1] && texts[0][at] == texts[1][at]) {
        if (texts[0][at++] == '\n')
            line = at;
    }
    if (at == lens[0] && at == lens[1])
        return;
    for (int i = 0; i < 2; i++)
        print_message("%s: %.*s\n", i == 0 ? expected : found, (int)strcspn(texts[i] + line, "\n"),
                      texts[i] + line);
    fail_msg("%s and %s differ at byte %zu (%zu and %zu bytes)", expected, found, at, lens[0],
             lens[1]);
}

bool cw_test_file_has(struct cw_test_room *room, const char *path, const char *text)
{
    size_t len;
    const char *bytes = cw_test_read(room, path, &len);
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

int64_t cw_test_number(struct cw_test_room *room, const char *path, const char *name)
{
    const char *pattern = cw_test_text(room, "\"%s\":", name);
    const char *at = strstr(cw_test_read(room, path, NULL), pattern);
    return at != NULL ? strtoll(at + strlen(pattern), NULL, 10) : 0;
}
