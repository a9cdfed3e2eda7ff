/* What sinks/README.md and sinks/examples/ show, run against a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operators/runtime/time.h"
#include "tests/support/process.h"
#include "tests/support/sink_scene.h"

/* --- the page --- */

static void fill_for_the_page(struct fixture *f)
{
    struct cw_row_key key = { 1, cw_test_id("one"), cw_cstr(id_of("one")) };
    struct cw_row row = row_of("a", CW_LEVEL_HIGH, 2, "a title");
    open_sink(f);
    row.keys = &key;
    row.key_count = 1;
    row.last = INT64_C(1578000000) * CW_SECOND; /* in January 2020 */
    begin_tick(f);
    put_row(f, &row);
    close_tick(f);
    moved(f, "one", "two", CW_MOVED_RENAMED);
    begin_tick(f);
    row.gone = true;
    put_row(f, &row);
    row.gone = false;
    row.alert = cw_test_id("b");
    key.id = cw_test_id("two");
    key.text = cw_cstr(id_of("two"));
    put_row(f, &row);
    close_tick(f);
    push(f);
}

/* The indented lines that ask, each with what makes a failure or an empty answer the script's. */
static size_t write_script(const struct fixture *f, const char *path)
{
    char line[1024];
    size_t count = 0;
    FILE *page = fopen(CW_SOURCE_DIR "/sinks/README.md", "r");
    FILE *script = fopen(path, "w");
    assert_true(page != NULL && script != NULL);
    fprintf(script,
            "set -eu\nredis=$(command -v redis-cli)\nmkdir '%s.bin'\n"
            "printf '#!/bin/sh\\nexec %%s -e -s %s \"$@\"\\n' \"$redis\" >'%s.bin/redis-cli'\n"
            "chmod +x '%s.bin/redis-cli'\nPATH=%s.bin:$PATH\n",
            path, f->redis.socket, path, path, path);
    while (fgets(line, sizeof(line), page) != NULL) {
        char *text = line + 4;
        if (strncmp(line, "    ", 4) != 0)
            continue;
        text[strcspn(text, "\n")] = '\0';
        if (strncmp(text, "redis-cli ", 10) == 0) {
            fprintf(script,
                    "answer=$(%s\n)\n[ -n \"$answer\" ] || { echo 'nothing: %zu'; exit 9; }\n",
                    text, count);
            count++;
        } else if (strstr(text, "=$(redis-cli ") != NULL || strncmp(text, "P=", 2) == 0) {
            fprintf(script, "%s\n[ -n \"$%.*s\" ]\n", text, (int)strcspn(text, "="), text);
            count += strncmp(text, "P=", 2) != 0;
        }
    }
    fclose(page);
    fclose(script);
    return count;
}

static void every_command_of_the_page_is_answered(void **state)
{
    struct fixture *f = *state;
    struct cw_test_room *room = cw_test_room_new();
    const char *script = cw_test_path(room, "page.sh");
    fill_for_the_page(f);
    assert_in_range(write_script(f, script), 15, 100);
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, "/bin/sh", "-x", script, NULL);
    (void)cw_test_run(room, 0, &words, NULL);
    cw_test_room_free(room);
}

/* --- the three readers --- */

enum { READERS = 3 };
static const char *const reader_names[READERS] = { "follow.sh", "follow.py", "follow" };

static void start_readers(const struct fixture *f, struct cw_test_room *room,
                          struct cw_test_process *readers[READERS])
{
    struct cw_test_words words[READERS] = { { { NULL }, 0 } };
    setenv("REDISCLI", cw_test_text(room, "redis-cli -s %s", f->redis.socket), 1);
    cw_test_add(&words[0], "/bin/sh", CW_SOURCE_DIR "/sinks/examples/follow.sh", NULL);
    cw_test_add(&words[1], "python3", CW_SOURCE_DIR "/sinks/examples/follow.py", f->redis.socket,
                NULL);
    cw_test_add(&words[2], CW_EXAMPLES "/follow", f->redis.socket, NULL);
    for (int i = 0; i < READERS; i++)
        readers[i] = cw_test_start(room, &words[i], NULL);
}

/* Until each has told all up to there, the last thing it printed. */
static void wait_for(struct cw_test_room *room, struct cw_test_process *readers[READERS],
                     const char *position)
{
    const char *line = cw_test_text(room, "\nat %s\n", position);
    for (int i = 0; i < READERS; i++) {
        int64_t since = cw_test_now_ms();
        for (bool there = false; !there;) {
            FILE *file = fopen(readers[i]->output, "r");
            char end[64] = "";
            if (file != NULL && fseek(file, -(long)strlen(line), SEEK_END) == 0)
                (void)!fgets(end + fread(end, 1, strlen(line), file), 2, file);
            there = strcmp(end, line) == 0;
            if (file != NULL)
                fclose(file);
            if (cw_test_ended(readers[i]))
                fail_msg("%s ended: see %s", reader_names[i], readers[i]->errors);
            cw_test_rest(since, CW_TEST_LIMIT_MS,
                         cw_test_text(room, "%s to tell %s", reader_names[i], position));
        }
    }
}

static void signal_all(struct cw_test_process *readers[READERS], int number)
{
    for (int i = 0; i < READERS; i++)
        assert_int_equal(kill(-readers[i]->pid, number), 0);
}

static int order_of_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "ID REV" of all that the reader shows at the end, sorted, as one text. */
static const char *shown_by(struct cw_test_room *room, const struct cw_test_process *reader,
                            size_t *views)
{
    const char *shown[1000];
    size_t count = 0;
    char *rest = NULL;
    char *text = strdup(cw_test_read(room, reader->output, NULL));
    *views = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char word[8] = "";
        char id[40] = "";
        char revision[24] = "";
        (void)sscanf(line, "%7s %39s %23s", word, id, revision);
        if (strcmp(word, "at") == 0)
            continue;
        if (strcmp(word, "view") == 0) {
            count = 0;
            ++*views;
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (strncmp(shown[i], id, 32) == 0)
                shown[i] = shown[--count];
        }
        if (strcmp(word, "gone") == 0)
            continue;
        assert_true(strcmp(word, "open") == 0 || strcmp(word, "set") == 0);
        assert_in_range(count, 0, 998);
        shown[count++] = cw_test_text(room, "%s %s", id, revision);
    }
    free(text);
    qsort(shown, count, sizeof(*shown), order_of_texts);
    const char *all = "";
    for (size_t i = 0; i < count; i++)
        all = cw_test_text(room, "%s%s\n", all, shown[i]);
    return all;
}

static const char *truth(struct fixture *f, struct cw_test_room *room, const char *generation)
{
    redisReply *ids = redisCommand(f->eye, "SORT " P "%s:open ALPHA", generation);
    const char *all = "";
    for (size_t i = 0; i < ids->elements; i++) {
        char *revision =
            asked(f, "HGET " P "%s:alert:%s revision", generation, ids->element[i]->str);
        all = cw_test_text(room, "%s%s %s\n", all, ids->element[i]->str, revision);
        free(revision);
    }
    freeReplyObject(ids);
    return all;
}

static void expect_truth(struct fixture *f, struct cw_test_room *room,
                         struct cw_test_process *readers[READERS], const char *generation,
                         size_t views)
{
    const char *expected = truth(f, room, generation);
    assert_true(strlen(expected) > 100);
    for (int i = 0; i < READERS; i++) {
        size_t seen = 0;
        const char *found = shown_by(room, readers[i], &seen);
        if (strcmp(found, expected) != 0)
            fail_msg("%s shows\n%sand Redis holds\n%s", reader_names[i], found, expected);
        if (seen < views)
            fail_msg("%s began %zu times, expected %zu", reader_names[i], seen, views);
    }
}

static const struct cw_redis_settings short_feed = { .feed_max = 20 };

static void the_readers_survive_all_that_may_come(void **state)
{
    struct fixture *f = *state;
    struct cw_test_room *room = cw_test_room_new();
    struct cw_test_process *readers[READERS];
    assert_int_equal(open_status(f, &short_feed), CW_EXIT_OK);
    begin_tick(f);
    many(f, 0, 30, "a title");
    close_tick(f);
    struct cw_buf all = { 0 };
    cw_buf_put(&all, f->frames.data, f->frames.len);
    push(f);
    start_readers(f, room, readers);
    wait_for(room, readers, "1-30");
    expect_truth(f, room, readers, "1", 1);

    /* a retraction */
    begin_tick(f);
    gone(f, "alert 3");
    set(f, "alert 4", CW_LEVEL_CRITICAL, 4, "another title");
    close_tick(f);
    cw_buf_put(&all, f->frames.data, f->frames.len);
    push(f);
    wait_for(room, readers, "2-2");
    expect_truth(f, room, readers, "1", 1);

    /* a feed that was trimmed while they slept */
    signal_all(readers, SIGSTOP);
    for (int i = 0; i < 10; i++) {
        char title[24];
        snprintf(title, sizeof(title), "title %d", i);
        begin_tick(f);
        many(f, i, i + 20, title);
        gone(f, i % 2 == 0 ? "alert 29" : "alert 28");
        set(f, "alert 40", CW_LEVEL_LOW, i, title);
        close_tick(f);
        cw_buf_put(&all, f->frames.data, f->frames.len);
        push(f);
    }
    char *floor = asked(f, "HGET " P "meta feed_floor");
    assert_true(atoi(floor) > 2);
    free(floor);
    signal_all(readers, SIGCONT);
    wait_for(room, readers, "12-22");
    expect_truth(f, room, readers, "1", 2);

    /* a new generation */
    struct cw_redis_settings again = short_feed;
    again.rebuild = true;
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    cw_buf_put(&f->frames, all.data, all.len);
    push(f);
    wait_for(room, readers, "12-22");
    begin_tick(f);
    gone(f, "alert 10");
    set(f, "alert 11", CW_LEVEL_LOW, 4, "the last");
    close_tick(f);
    push(f);
    wait_for(room, readers, "13-2");
    expect_truth(f, room, readers, "2", 3);

    /* a server that was away */
    cw_test_redis_kill(&f->redis);
    cw_test_redis_again(&f->redis);
    look_again(f);
    begin_tick(f);
    set(f, "alert 12", CW_LEVEL_HIGH, 4, "behind the last");
    close_tick(f);
    push(f);
    wait_for(room, readers, "14-1");
    expect_truth(f, room, readers, "2", 3); /* redis-cli may have come back by itself */
    cw_buf_done(&all);
    cw_test_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_command_of_the_page_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(the_readers_survive_all_that_may_come, setup_on_disk,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
