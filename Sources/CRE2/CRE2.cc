#include "CRE2.h"

#include <re2/re2.h>

#include <cstring>
#include <new>
#include <vector>

struct CRE2Pattern {
    RE2 re;

    CRE2Pattern(const re2::StringPiece &source, const RE2::Options &options) : re(source, options) {}
};

namespace {

/// An empty text still needs an address: a null one means "no match" in submatches.
re2::StringPiece piece(const char *text, size_t length) {
    return re2::StringPiece(length == 0 ? "" : text, length);
}

/// Groups that fit without allocating.
constexpr int kInlineGroups = 17;

}  // namespace

CRE2Pattern *cre2_compile(
    const char *source, size_t length, bool dot_matches_newline, bool case_sensitive,
    int64_t memory_max) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(dot_matches_newline);
    options.set_case_sensitive(case_sensitive);
    options.set_max_mem(memory_max);
    try {
        return new CRE2Pattern(piece(source, length), options);
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void cre2_free(CRE2Pattern *pattern) { delete pattern; }

const char *cre2_error(const CRE2Pattern *pattern) {
    return pattern->re.ok() ? nullptr : pattern->re.error().c_str();
}

int cre2_group_count(const CRE2Pattern *pattern) { return pattern->re.NumberOfCapturingGroups(); }

const char *cre2_group_name(const CRE2Pattern *pattern, int group) {
    const auto &names = pattern->re.CapturingGroupNames();
    const auto found = names.find(group);
    return found == names.end() ? nullptr : found->second.c_str();
}

bool cre2_match(
    const CRE2Pattern *pattern, const char *text, size_t length, bool whole, CRE2Range *ranges,
    int range_count) {
    const re2::StringPiece subject = piece(text, length);
    const RE2::Anchor anchor = whole ? RE2::ANCHOR_BOTH : RE2::UNANCHORED;
    re2::StringPiece few[kInlineGroups];
    std::vector<re2::StringPiece> many;
    re2::StringPiece *groups = few;
    if (range_count > kInlineGroups) {
        many.resize(range_count);
        groups = many.data();
    }
    if (!pattern->re.Match(subject, 0, length, anchor, groups, range_count)) return false;
    for (int i = 0; i < range_count; i++) {
        if (groups[i].data() == nullptr) {
            ranges[i] = {-1, -1};
        } else {
            const ptrdiff_t start = groups[i].data() - subject.data();
            ranges[i] = {start, start + static_cast<ptrdiff_t>(groups[i].size())};
        }
    }
    return true;
}

const void *cre2_find(const void *text, size_t length, const void *wanted, size_t wanted_length) {
    return memmem(text, length, wanted, wanted_length);
}
