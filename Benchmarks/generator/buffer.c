// Bytes that grow, protobuf fields, and files of records.
#include "generator.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

void reserve(Buffer *buffer, size_t more) {
    if (buffer->count + more <= buffer->capacity) return;
    buffer->capacity = (buffer->count + more) * 2 + 64;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (!buffer->bytes) stop("out of memory");
}

void append(Buffer *buffer, const void *bytes, size_t count) {
    reserve(buffer, count);
    if (count) memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count += count;
}

void appendText(Buffer *buffer, const char *text) { append(buffer, text, strlen(text)); }

void appendFormat(Buffer *buffer, const char *format, ...) {
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int count = vsnprintf(NULL, 0, format, values);
    reserve(buffer, (size_t)count + 1);
    vsnprintf((char *)buffer->bytes + buffer->count, (size_t)count + 1, format, again);
    buffer->count += (size_t)count;
    va_end(again);
    va_end(values);
}

void appendVarint(Buffer *buffer, uint64_t value) {
    reserve(buffer, 10);
    for (; value >= 128; value >>= 7) buffer->bytes[buffer->count++] = (uint8_t)(value | 128);
    buffer->bytes[buffer->count++] = (uint8_t)value;
}

static void appendTag(Buffer *buffer, int field, int wire) {
    appendVarint(buffer, (uint64_t)(field << 3 | wire));
}

void bytesField(Buffer *buffer, int field, const void *bytes, size_t count) {
    appendTag(buffer, field, 2);
    appendVarint(buffer, count);
    append(buffer, bytes, count);
}

void textField(Buffer *buffer, int field, const char *text) {
    bytesField(buffer, field, text, strlen(text));
}

void messageField(Buffer *buffer, int field, const Buffer *message) {
    bytesField(buffer, field, message->bytes, message->count);
}

void varintField(Buffer *buffer, int field, uint64_t value) {
    appendTag(buffer, field, 0);
    appendVarint(buffer, value);
}

void fixed64Field(Buffer *buffer, int field, uint64_t value) {
    appendTag(buffer, field, 1);
    append(buffer, &value, 8);
}

void doubleField(Buffer *buffer, int field, double value) {
    appendTag(buffer, field, 1);
    append(buffer, &value, 8);
}

// ---- packs

enum { packVersion = 1, headCount = 8, recordHeadCount = 16, gzipLevel = 6 };

Pack openPack(void) {
    const char *path = option("--out", NULL);
    if (!path) stop("--out FILE is needed");
    Pack pack = {.file = fopen(path, "wb"), .gzip = flagOption("--gzip")};
    if (!pack.file) stop("cannot write %s", path);
    setvbuf(pack.file, NULL, _IOFBF, 1 << 20);
    uint32_t version = packVersion;
    fwrite("SLPK", 4, 1, pack.file);
    fwrite(&version, 4, 1, pack.file);
    return pack;
}

static void gzipInto(Buffer *output, const Buffer *input) {
    z_stream stream = {0};
    // 15 bits of window, plus 16 for a gzip header.
    if (deflateInit2(&stream, gzipLevel, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        stop("zlib cannot start");
    }
    output->count = 0;
    reserve(output, deflateBound(&stream, input->count));
    stream.next_in = input->bytes;
    stream.avail_in = (uInt)input->count;
    stream.next_out = output->bytes;
    stream.avail_out = (uInt)output->capacity;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) stop("zlib cannot compress");
    output->count = stream.total_out;
    deflateEnd(&stream);
}

void addRecord(Pack *pack, const Buffer *body, uint32_t items, uint32_t shard) {
    pack->rawBytes += body->count;
    if (pack->gzip) {
        gzipInto(&pack->scratch, body);
        body = &pack->scratch;
    }
    uint32_t head[4] = {(uint32_t)body->count, items, shard, 0};
    if (fwrite(head, sizeof head, 1, pack->file) != 1 ||
        fwrite(body->bytes, 1, body->count, pack->file) != body->count) {
        stop("cannot write the pack: is the disk full?");
    }
    pack->records++;
    pack->items += items;
    pack->bytes += body->count;
}

void closePack(Pack *pack) {
    if (fclose(pack->file)) stop("cannot write the pack: is the disk full?");
    printf("{\"records\":%lu,\"items\":%lu,\"bytes\":%lu,\"raw_bytes\":%lu}\n", pack->records,
           pack->items, pack->bytes, pack->rawBytes);
}

size_t loadPack(const char *path, Record **records) {
    if (!path) stop("--pack FILE is needed");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status)) stop("cannot open %s", path);
    size_t size = (size_t)status.st_size, count = 0, capacity = 0;
    const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED || size < headCount || memcmp(bytes, "SLPK", 4)) {
        stop("%s is not a pack", path);
    }
    for (size_t at = headCount; at + recordHeadCount <= size;) {
        uint32_t head[4];
        memcpy(head, bytes + at, sizeof head);
        at += recordHeadCount;
        if (head[0] > size - at) stop("%s is cut off", path);
        if (count == capacity) {
            capacity = capacity * 2 + 1024;
            *records = realloc(*records, capacity * sizeof **records);
            if (!*records) stop("out of memory");
        }
        (*records)[count++] = (Record){bytes + at, head[0], head[1], head[2]};
        at += head[0];
    }
    if (!count) stop("%s holds no records", path);
    return count;
}
