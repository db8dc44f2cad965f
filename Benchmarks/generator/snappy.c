// Snappy's block format, written from its format description: a greedy matcher over 64 KiB pieces.
#include "generator.h"

#include <string.h>

enum { pieceCount = 65536, tableBits = 14, matchMin = 4, tail = 8 };

static void appendLiteral(Buffer *output, const uint8_t *bytes, size_t count) {
    if (!count) return;
    size_t length = count - 1;
    uint8_t head[3] = {(uint8_t)(length << 2), (uint8_t)length, (uint8_t)(length >> 8)};
    size_t headCount = length < 60 ? 1 : length < 256 ? 2 : 3;
    if (headCount > 1) head[0] = (uint8_t)((58 + headCount) << 2);
    append(output, head, headCount);
    append(output, bytes, count);
}

static void appendCopy2(Buffer *output, size_t offset, size_t length) {
    uint8_t element[3] = {(uint8_t)((length - 1) << 2 | 2), (uint8_t)offset, (uint8_t)(offset >> 8)};
    append(output, element, 3);
}

static void appendCopy(Buffer *output, size_t offset, size_t length) {
    for (; length >= 68; length -= 64) appendCopy2(output, offset, 64);
    if (length > 64) {  // leaves at least 4, the least that a copy can hold
        appendCopy2(output, offset, 60);
        length -= 60;
    }
    if (length < 12 && offset < 2048) {
        uint8_t element[2] = {(uint8_t)((length - 4) << 2 | 1 | offset >> 8 << 5), (uint8_t)offset};
        append(output, element, 2);
    } else {
        appendCopy2(output, offset, length);
    }
}

static void compressPiece(Buffer *output, const uint8_t *piece, size_t count) {
    static uint16_t table[1 << tableBits];
    memset(table, 0, sizeof table);
    size_t at = 1, literal = 0;
    while (count >= 16 && at + tail < count) {
        uint32_t word;
        memcpy(&word, piece + at, 4);
        uint16_t *slot = &table[word * 0x9e3779b1u >> (32 - tableBits)];
        size_t candidate = *slot;
        *slot = (uint16_t)at;
        if (candidate >= at || memcmp(piece + candidate, piece + at, matchMin)) {
            at += 1 + ((at - literal) >> 5);  // skips faster through what does not compress
            continue;
        }
        size_t length = matchMin;
        while (at + length < count && piece[candidate + length] == piece[at + length]) length++;
        appendLiteral(output, piece + literal, at - literal);
        appendCopy(output, at - candidate, length);
        at += length;
        literal = at;
    }
    appendLiteral(output, piece + literal, count - literal);
}

void snappyCompress(Buffer *output, const uint8_t *input, size_t count) {
    output->count = 0;
    appendVarint(output, count);
    for (size_t at = 0; at < count; at += pieceCount) {
        compressPiece(output, input + at, count - at < pieceCount ? count - at : pieceCount);
    }
}
