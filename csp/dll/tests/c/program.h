/* What the programs have in common: ending with a message, and files. */

#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <wincrypt.h>

/* Ends the program unless a call has answered TRUE. */
static void must(BOOL answer, const char *call)
{
    if (!answer) {
        fprintf(stderr, "%s: %#lx\n", call, (unsigned long)GetLastError());
        exit(1);
    }
}

static inline void *room(DWORD length)
{
    void *place = calloc(1, length ? length : 1);
    must(place != NULL, "calloc");
    return place;
}

static inline void write_file(const char *name, const BYTE *data, DWORD length)
{
    FILE *file = fopen(name, "wb");
    must(file && fwrite(data, 1, length, file) == length && fclose(file) == 0, name);
}

#endif
