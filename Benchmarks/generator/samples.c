// Packs of remote-write 1.0 requests: Istio's request metrics (60 %), the rest from nodes and pods.
#include "generator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum {
    edgeMember,     // moves with its edge
    noise,          // a load average: drifts back to its mean, two decimals
    steps,          // a gauge of whole numbers, or of pages
    slow,           // bytes that are free: falls in pages now and then
    temperature,    // moves by 0.1 now and then
    constant,
    decimalCounter, // CPU seconds with two decimals
    byteCounter,
} Motion;

typedef struct {
    uint8_t *labels;
    size_t labelCount;
    Motion motion;
    uint32_t target;
    double value, speed, shape;
} Series;

enum { edgeSeries = 15, bucketCount = 10, servicesMax = 40 };

static Series *series;
static int seriesCount, seriesMax;
static Buffer labels;

static void label(const char *name, const char *value) {
    static Buffer pair;
    pair.count = 0;
    textField(&pair, 1, name);
    textField(&pair, 2, value);
    messageField(&labels, 1, &pair);
}

static void addSeries(Motion motion, uint32_t target, double value, double speed, double shape) {
    if (seriesCount < seriesMax) {
        uint8_t *copy = malloc(labels.count);
        if (!copy) stop("out of memory");
        memcpy(copy, labels.bytes, labels.count);
        series[seriesCount++] =
            (Series){copy, labels.count, motion, target, value, speed, shape};
    }
    labels.count = 0;
}

// ---- Istio: one edge is a caller and a callee; three codes, ten buckets, sum and count

static const double bounds[bucketCount] = {1, 5, 10, 25, 50, 100, 250, 500, 1000, INFINITY};
static const char *const boundNames[bucketCount] = {"1",   "5",   "10",  "25",   "50",
                                                    "100", "250", "500", "1000", "+Inf"};

static const char *edgeMetric(int member) {
    if (member < 3) return "istio_requests_total";
    if (member < 3 + bucketCount) return "istio_request_duration_milliseconds_bucket";
    return member == 3 + bucketCount ? "istio_request_duration_milliseconds_sum"
                                     : "istio_request_duration_milliseconds_count";
}

typedef struct {
    char source[64], destination[64], host[128], pod[96], instance[48];
    bool second;
} Edge;

static void labelEdge(const Edge *edge, int member) {
    label("__name__", edgeMetric(member));
    label("app", edge->destination);
    label("connection_security_policy", "mutual_tls");
    label("destination_app", edge->destination);
    label("destination_service", edge->host);
    label("destination_service_name", edge->destination);
    label("destination_service_namespace", "shop");
    label("destination_version", edge->second ? "v2" : "v1");
    label("destination_workload", edge->destination);
    label("instance", edge->instance);
    label("job", "istio-proxy");
    if (member >= 3 && member < 3 + bucketCount) label("le", boundNames[member - 3]);
    label("namespace", "shop");
    label("pod", edge->pod);
    label("reporter", "destination");
    label("request_protocol", "http");
    label("response_code", member == 1 ? "404" : member == 2 ? "503" : "200");
    label("response_flags", member == 2 ? "UF" : "-");
    label("source_app", edge->source);
    label("source_workload", edge->source);
    label("source_workload_namespace", "shop");
}

static void addEdge(int index, int services) {
    Edge edge = {.second = index & 1};
    int callee = index % services, caller = (index / services * 7 + callee * 3 + 1) % services;
    snprintf(edge.destination, sizeof edge.destination, "service-%02d", callee);
    snprintf(edge.source, sizeof edge.source, "service-%02d", caller);
    snprintf(edge.host, sizeof edge.host, "%s.shop.svc.cluster.local", edge.destination);
    snprintf(edge.pod, sizeof edge.pod, "%s-%08x-%05x", edge.destination,
             ((unsigned)callee + 1) * 0x9e3779b1u, (unsigned)(index * 7919) & 0xfffff);
    snprintf(edge.instance, sizeof edge.instance, "10.8.%d.%d:15020", index / 250, index % 250);
    double rate = exp(randomNormal() * 1.2) * 20;
    for (int member = 0; member < edgeSeries; member++) {
        labelEdge(&edge, member);
        double start = randomBelow(100000);
        addSeries(edgeMember, (uint32_t)index, start, rate, 3 + randomUnit() * 60);
    }
}

static void moveEdge(Series *edge, double rate, double interval) {
    double mean = rate * interval, scale = edge->shape;
    int64_t requests = (int64_t)(mean + sqrt(mean) * randomNormal() + 0.5), below = 0;
    if (requests < 0) requests = 0;
    edge[0].value += (double)requests;
    if (randomBelow(50) == 0) edge[1].value += randomBelow(5);
    if (randomBelow(100) == 0) edge[2].value += randomBelow(3);
    for (int i = 0; i < bucketCount; i++) {
        double share = 1 - exp(-pow(bounds[i] / scale, 0.9));
        int64_t inside = (int64_t)((double)requests * share + randomUnit());
        if (inside < below) inside = below;
        if (inside > requests || i == bucketCount - 1) inside = requests;
        edge[3 + i].value += (double)inside;
        below = inside;
    }
    edge[3 + bucketCount].value += (double)requests * scale * (0.9 + 0.2 * randomUnit());
    edge[4 + bucketCount].value += (double)requests;
}

// ---- pods and nodes

typedef struct {
    char pod[96], node[64], instance[48], processor[16];
    uint32_t target;
} Machine;

static void addContainer(const Machine *machine, const char *container) {
    static const struct {
        const char *name;
        Motion motion;
        double value, speed;
    } metrics[6] = {{"container_cpu_usage_seconds_total", decimalCounter, 1000, 0.4},
                    {"container_memory_working_set_bytes", steps, 2e8, 4096 * 40},
                    {"container_network_receive_bytes_total", byteCounter, 1e9, 2e5},
                    {"go_goroutines", steps, 120, 3},
                    {"kube_pod_container_info", constant, 1, 0},
                    {"container_start_time_seconds", constant, 1.7e9, 0}};
    for (int i = 0; i < 6; i++) {
        label("__name__", metrics[i].name);
        label("container", container);
        label("endpoint", "https-metrics");
        label("instance", machine->instance);
        label("job", "kubelet");
        label("namespace", "shop");
        label("node", machine->node);
        label("pod", machine->pod);
        double value = metrics[i].value * (0.3 + randomUnit());
        if (metrics[i].motion == constant) {
            value = metrics[i].value + (i == 5 ? randomBelow(1000000) : 0);
        }
        addSeries(metrics[i].motion, machine->target, value,
                  metrics[i].speed * (0.3 + randomUnit()), 0);
    }
}

static void addNodeSeries(const Machine *machine, const char *name,
                          const char *const *extra, Motion motion, double value, double speed) {
    static const char *const own[2] = {"instance", "job"};
    const char *values[2] = {machine->instance, "node-exporter"};
    int next = 0;
    label("__name__", name);
    // Labels are sent in the order of their names.
    for (const char *const *pair = extra; *pair; pair += 2) {
        for (; next < 2 && strcmp(own[next], pair[0]) < 0; next++) label(own[next], values[next]);
        label(pair[0], pair[1]);
    }
    for (; next < 2; next++) label(own[next], values[next]);
    addSeries(motion, machine->target, value, speed, 0);
}

static void addNode(const Machine *machine) {
    static const char *const modes[4] = {"idle", "user", "system", "iowait"};
    const char *none[] = {NULL};
    for (int i = 0; i < 4; i++) {
        const char *extra[] = {"cpu", machine->processor, "mode", modes[i], NULL};
        addNodeSeries(machine, "node_cpu_seconds_total", extra, decimalCounter, 1e5 * randomUnit(),
                      i ? 1 : 11);
    }
    addNodeSeries(machine, "node_load1", none, noise, 2 + randomUnit(), 0.2);
    const char *disk[] = {"device", "/dev/sda1", "fstype", "ext4", "mountpoint", "/", NULL};
    addNodeSeries(machine, "node_filesystem_avail_bytes", disk, slow, 4e10 * randomUnit(), 0);
    const char *sensor[] = {"chip", "platform_coretemp_0", "sensor", "temp1", NULL};
    addNodeSeries(machine, "node_hwmon_temp_celsius", sensor, temperature, 45 + 10 * randomUnit(), 0);
    addNodeSeries(machine, "up", none, constant, 1, 0);
}

static void addMachine(int index) {
    Machine machine = {.target = 100000 + (uint32_t)index};
    snprintf(machine.pod, sizeof machine.pod, "workload-%02d-%08x-%05x", index % 60,
             ((unsigned)index % 60 + 1) * 0x85ebca6bu, (unsigned)(index * 104729) & 0xfffff);
    snprintf(machine.node, sizeof machine.node, "gke-prod-eu-1-pool-%d", index % 12);
    snprintf(machine.instance, sizeof machine.instance, "10.9.%d.%d:9100", index / 250, index % 250);
    snprintf(machine.processor, sizeof machine.processor, "%d", index % 8);
    addContainer(&machine, "app");
    addContainer(&machine, "istio-proxy");
    addNode(&machine);
}

static double hundredths(double value) { return floor(value * 100) / 100; }

static double moved(const Series *one, double interval) {
    double value = one->value, speed = one->speed;
    switch (one->motion) {
    case edgeMember:
    case constant: return value;
    case noise:
        value += 0.1 * (speed * 10 - value) + speed * randomNormal();
        return value < 0 ? 0 : hundredths(value);
    case steps:
        if (!randomBelow(3)) return value;
        value = fmax(1, floor(value + speed * randomNormal()));
        return speed > 1000 ? floor(value / 4096) * 4096 : value;
    case slow:
        if (randomBelow(4) == 0) value = floor((value - randomBelow(200000)) / 4096) * 4096;
        return value < 0 ? 8e10 : value;
    case temperature:
        return randomBelow(6) ? value : floor((value + (randomBelow(3) - 1.0)) * 10) / 10;
    case decimalCounter: return hundredths(value + speed * interval * (0.8 + 0.4 * randomUnit()));
    case byteCounter: return floor(value + speed * interval * (0.5 + randomUnit()));
    }
    return value;
}

// ---- requests

/// A target is scraped at its own moment of the interval; every fiftieth scrape is a few ms late.
static int64_t scrapeTime(uint32_t target, int step, int64_t start, double interval) {
    uint32_t hash = target * 2654435761u, late = (hash ^ (uint32_t)step * 40503u) * 2246822519u;
    int64_t time = start + (int64_t)(step * interval * 1000) + hash % (uint32_t)(interval * 1000);
    return late % 50 == 0 ? time + late % 5 + 3 : time;
}

static void appendSample(Buffer *request, const Series *one, int64_t time) {
    static Buffer sample, entry;
    sample.count = entry.count = 0;
    doubleField(&sample, 1, one->value);
    varintField(&sample, 2, (uint64_t)time);
    append(&entry, one->labels, one->labelCount);
    messageField(&entry, 2, &sample);
    messageField(request, 1, &entry);
}

static void addStep(Pack *pack, int step, int64_t start, double interval, int perRequest) {
    static Buffer request, compressed;
    uint32_t shard = 0;
    for (int at = 0; at < seriesCount;) {
        int first = at;
        request.count = 0;
        for (; at < seriesCount && at - first < perRequest; at++) {
            appendSample(&request, &series[at],
                         scrapeTime(series[at].target, step, start, interval));
        }
        snappyCompress(&compressed, request.bytes, request.count);
        addRecord(pack, &compressed, (uint32_t)(at - first), shard++);
    }
}

void makeSamples(void) {
    int stepCount = (int)numberOption("--steps", 480);
    int perRequest = (int)numberOption("--per-request", 1000);
    double interval = numberOption("--interval", 15);
    double end = numberOption("--end", (double)time(NULL));
    seriesMax = (int)numberOption("--series", 10000);
    series = calloc((size_t)seriesMax, sizeof *series);
    if (!series) stop("out of memory");
    int edges = (int)(seriesMax * 0.6 / edgeSeries);
    int services = edges < servicesMax ? (edges ? edges : 1) : servicesMax;
    for (int i = 0; i < edges; i++) addEdge(i, services);
    for (int i = 0; seriesCount < seriesMax; i++) addMachine(i);

    Pack pack = openPack();
    int64_t start = (int64_t)((end - interval * stepCount) * 1000);
    for (int step = 0; step < stepCount; step++) {
        double clock = (double)start / 1000 + step * interval;
        double load = 1 + 0.5 * sin(clock / 86400 * 2 * M_PI);
        for (int i = 0; i < edges; i++) {
            Series *edge = &series[i * edgeSeries];
            moveEdge(edge, edge->speed * load, interval);
        }
        for (int i = edges * edgeSeries; i < seriesCount; i++) {
            series[i].value = moved(&series[i], interval);
        }
        addStep(&pack, step, start, interval, perRequest);
    }
    closePack(&pack);
}
