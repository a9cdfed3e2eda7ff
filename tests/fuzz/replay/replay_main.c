/*
 * replay_main.c - run a fuzz target over the files of its corpus, without libFuzzer.
 *
 *     replay_X FILE|DIR...        fails if there is nothing to replay
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    uint8_t *data = NULL;
    size_t size = 0;
    size_t cap = 0;
    for (;;) {
        if (size == cap) {
            cap = cap != 0 ? 2 * cap : 4096;
            data = realloc(data, cap);
            if (data == NULL)
                exit(1);
        }
        size_t got = fread(data + size, 1, cap - size, file);
        if (got == 0)
            break;
        size += got;
    }
    fclose(file);
    /* An exact copy, so that ASan sees a read of one byte past the end. */
    uint8_t *exact = malloc(size != 0 ? size : 1);
    if (exact == NULL)
        exit(1);
    for (size_t i = 0; i < size; i++)
        exact[i] = data[i];
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            DIR *dir = opendir(argv[i]);
            for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
                char path[4096];
                if (entry->d_name[0] == '.')
                    continue;
                snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
                count += replay_file(path);
            }
            if (dir != NULL)
                closedir(dir);
        } else {
            count += replay_file(argv[i]);
        }
    }
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
