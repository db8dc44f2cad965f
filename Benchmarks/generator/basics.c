// Options, time and randomness.
#include "generator.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int argumentCount;
static char **arguments;

_Noreturn void stop(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("generator: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(2);
}

void keepArguments(int count, char **values) {
    argumentCount = count;
    arguments = values;
}

const char *repeatedOption(const char *name, int *position) {
    for (int i = *position < 2 ? 2 : *position; i + 1 < argumentCount; i++) {
        if (strcmp(arguments[i], name) == 0) {
            *position = i + 2;
            return arguments[i + 1];
        }
    }
    return NULL;
}

const char *option(const char *name, const char *fallback) {
    int position = 0;
    const char *value = repeatedOption(name, &position);
    return value ? value : fallback;
}

double numberOption(const char *name, double fallback) {
    const char *text = option(name, NULL);
    if (!text) return fallback;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end) stop("%s needs a number, not \"%s\"", name, text);
    return value;
}

bool flagOption(const char *name) {
    for (int i = 2; i < argumentCount; i++) {
        if (strcmp(arguments[i], name) == 0) return true;
    }
    return false;
}

static double readClock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double seconds(void) { return readClock(CLOCK_MONOTONIC); }

double ownCPUSeconds(void) { return readClock(CLOCK_PROCESS_CPUTIME_ID); }

// xoshiro256** (Blackman & Vigna, 2018), seeded by splitmix64.
static uint64_t state[4];

void seedRandom(uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t mixed = (seed += 0x9e3779b97f4a7c15u);
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        state[i] = mixed ^ mixed >> 31;
    }
}

static uint64_t rotate(uint64_t value, int by) { return value << by | value >> (64 - by); }

uint64_t randomBits(void) {
    uint64_t result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}

uint32_t randomBelow(uint32_t limit) { return (uint32_t)((randomBits() >> 32) * limit >> 32); }

double randomUnit(void) { return (double)(randomBits() >> 11) * 0x1p-53; }

double randomNormal(void) {
    double radius = sqrt(-2 * log(randomUnit() + 1e-12));
    return radius * cos(2 * M_PI * randomUnit());
}
