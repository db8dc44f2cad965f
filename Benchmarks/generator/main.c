// The commands of the generator. Every command prints JSON; errors go to standard error, exit code 2.
#include "generator.h"

#include <inttypes.h>
#include <string.h>

static const char usage[] =
    "generator COMMAND OPTION…\n"
    "  spans    --out PACK [--count 1000000] [--per-request 250] [--window 1800] [--end UNIX]\n"
    "           [--seed N] [--zipkin] [--gzip]       ids of every hundredth trace in PACK.ids\n"
    "  samples  --out PACK [--series 10000] [--steps 480] [--interval 15] [--per-request 1000]\n"
    "           [--end UNIX] [--seed N]\n"
    "  lines    --out PACK [--count 1000000] [--per-request 500] [--window 1800] [--end UNIX]\n"
    "           [--seed N] [--gzip]\n"
    "  post     --pack PACK --url URL [--header 'K: V']… [--connections 4] [--rate REQUESTS/S]\n"
    "           [--seconds 120] [--from 0] [--to 1] [--retry] [--sharded [--window 64]]\n"
    "  grpc     --pack PACK --url http://HOST:PORT/SERVICE/METHOD [--connections 4] [--seconds 120]\n"
    "           [--gzip]\n"
    "  get      --url URL [--header 'K: V']… [--connections 16] [--rate R] [--seconds 10]\n"
    "  query    --base URL --file LIST [--repeat 20] [--each-seconds 10]\n"
    "           or --round-seconds S [--pause-ms 20]; LIST has lines NAME TAB PATH\n"
    "  backend  answers GET and POST on a free port of loopback until SIGTERM\n"
    "  calibrate [--cpu-seconds 0.5]\n"
    "  info     --pack PACK\n"
    "  unpack   --pack PACK --dir DIR [--most N]      one body a file\n";

/// Fixed work (compressing a megabyte of text): how fast the machine is right now.
static void calibrate(void) {
    Buffer text = {0}, compressed = {0};
    while (text.count < 1 << 20) {
        appendFormat(&text, "{\"path\":\"/product/%u\",\"code\":%u,\"id\":\"%016" PRIx64 "\"}\n",
                     randomBelow(1000), 200 + randomBelow(4), randomBits());
    }
    double wanted = numberOption("--cpu-seconds", 0.5), began = seconds(), work = ownCPUSeconds();
    double used = 0, megabytes = 0;
    while (used < wanted && seconds() - began < 10 * wanted) {
        snappyCompress(&compressed, text.bytes, text.count);
        megabytes += (double)text.count / 1e6;
        used = ownCPUSeconds() - work;
    }
    printf("{\"mb_per_cpu_s\":%.1f,\"cpu_share\":%.2f}\n", megabytes / used,
           used / (seconds() - began));
}

static void info(void) {
    Record *records = NULL;
    uint64_t items = 0, bytes = 0;
    size_t count = loadPack(option("--pack", NULL), &records);
    for (size_t i = 0; i < count; i++) {
        items += records[i].items;
        bytes += records[i].count;
    }
    printf("{\"records\":%zu,\"items\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", count, items, bytes);
}

static void unpack(void) {
    Record *records = NULL;
    size_t count = loadPack(option("--pack", NULL), &records);
    size_t most = (size_t)numberOption("--most", 1e9);
    for (size_t i = 0; i < count && i < most; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%06zu.bin", option("--dir", "."), i);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(records[i].bytes, 1, records[i].count, file) != records[i].count) {
            stop("cannot write %s", path);
        }
        fclose(file);
    }
}

int main(int count, char **values) {
    const char *command = count > 1 ? values[1] : "";
    keepArguments(count, values);
    seedRandom((uint64_t)numberOption("--seed", 42));
    if (!strcmp(command, "spans")) makeSpans();
    else if (!strcmp(command, "samples")) makeSamples();
    else if (!strcmp(command, "lines")) makeLines();
    else if (!strcmp(command, "post")) load(true);
    else if (!strcmp(command, "grpc")) callGRPC();
    else if (!strcmp(command, "get")) load(false);
    else if (!strcmp(command, "query")) query();
    else if (!strcmp(command, "backend")) backend();
    else if (!strcmp(command, "calibrate")) calibrate();
    else if (!strcmp(command, "info")) info();
    else if (!strcmp(command, "unpack")) unpack();
    else {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}
