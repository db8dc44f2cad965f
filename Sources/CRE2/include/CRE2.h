#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled RE2 pattern, or the reason why there is none. Immutable, so any number of threads may
/// match with it at once.
typedef struct CRE2Pattern CRE2Pattern;

/// Where a group matched, as byte offsets; both −1 if it took no part.
typedef struct {
    ptrdiff_t start;
    ptrdiff_t end;
} CRE2Range;

/// Compiles `source`, which need not end in a zero byte. NULL only if memory runs out.
///
/// `memory_max` bounds the program and the automaton's cache together, in bytes.
CRE2Pattern *cre2_compile(
    const char *source, size_t length, bool dot_matches_newline, bool case_sensitive,
    int64_t memory_max);

void cre2_free(CRE2Pattern *pattern);

/// Why the pattern does not compile, NULL if it does. Lives as long as the pattern.
const char *cre2_error(const CRE2Pattern *pattern);

/// Capturing groups, the whole match not counted.
int cre2_group_count(const CRE2Pattern *pattern);

/// The name of group `group` (from 1), NULL if it has none. Lives as long as the pattern.
const char *cre2_group_name(const CRE2Pattern *pattern, int group);

/// Matches all of `text` (`whole`) or the leftmost part of it. `ranges` receives `range_count` ranges,
/// the whole match first; it may be NULL when `range_count` is 0.
bool cre2_match(
    const CRE2Pattern *pattern, const char *text, size_t length, bool whole, CRE2Range *ranges,
    int range_count);

/// Where `wanted`, which is not empty, first begins in `text`; NULL if nowhere. (GNU `memmem`, which
/// Swift's Glibc does not show.)
const void *cre2_find(const void *text, size_t length, const void *wanted, size_t wanted_length);

#ifdef __cplusplus
}
#endif
