// A trace of Jaeger's JSON model as arrays in the order of the waterfall.

/** Tags as `[key, value]` texts. */
export function pairs(tags) {
  return (tags ?? []).map((tag) => [tag.key ?? '', typeof tag.value === 'string' ? tag.value : JSON.stringify(tag.value)]);
}

function tag(span, key) {
  return span.tags?.find((t) => t.key === key)?.value;
}

export function isError(span) {
  const value = tag(span, 'error');
  return value === true || value === 'true' || tag(span, 'otel.status_code') === 'ERROR';
}

/** What a result list needs of a trace. */
export function summary(trace) {
  const counts = new Map();
  const ids = new Set(trace.spans.map((s) => s.spanID));
  let [start, end, errors, root] = [Infinity, -Infinity, 0, null];
  for (const span of trace.spans) {
    const service = trace.processes?.[span.processID]?.serviceName ?? '(no service)';
    const failed = isError(span);
    const count = counts.get(service) ?? { spans: 0, errors: 0 };
    count.spans += 1;
    if (failed) { count.errors += 1; errors += 1; }
    counts.set(service, count);
    start = Math.min(start, span.startTime);
    end = Math.max(end, span.startTime + span.duration);
    const whole = !parentID(span);
    const headless = !whole && !ids.has(parentID(span));
    const rank = whole ? 2 : headless ? 1 : 0;
    if (!root || rank > root.rank || (rank === root.rank && span.startTime < root.span.startTime)) root = { rank, span };
  }
  const first = root?.span;
  return {
    id: trace.traceID, start, duration: Math.max(0, end - start), errors, spans: trace.spans.length,
    service: first ? trace.processes?.[first.processID]?.serviceName ?? '(no service)' : '', operation: first?.operationName ?? '',
    rootMissing: root?.rank !== 2,
    services: [...counts].map(([name, count]) => ({ name, ...count })).sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1)),
  };
}

function parentID(span) {
  const references = span.references ?? [];
  const own = references.filter((r) => r.traceID === span.traceID);
  return (own.find((r) => r.refType === 'CHILD_OF') ?? own.find((r) => r.refType === 'FOLLOWS_FROM'))?.spanID ?? null;
}

/**
 * The tree of a trace: nodes depth first, children by start. A span whose parent did not arrive stands
 * at the top and says so; times are never adjusted, spans outside their parent are only counted.
 */
export function tree(trace) {
  const nodes = trace.spans.map((span) => ({
    span, service: trace.processes?.[span.processID]?.serviceName ?? '(no service)',
    error: isError(span), parent: null, children: [], orphan: false, level: 0, descendants: 0, skewed: false,
    origin: false,
  }));
  const byID = new Map();
  for (const node of nodes) {
    const same = byID.get(node.span.spanID);
    if (same) same.push(node);
    else byID.set(node.span.spanID, [node]);
  }
  const server = (node) => tag(node.span, 'span.kind') === 'server';
  for (const node of nodes) {
    const twin = byID.get(node.span.spanID).find((other) => other !== node && !server(other));
    const id = parentID(node.span);
    // Zipkin's client and server may share a span id: the server then belongs below its client.
    if (server(node) && twin) node.parent = twin;
    else if (id) {
      const candidates = (byID.get(id) ?? []).filter((other) => other !== node);
      node.parent = candidates.find(server) ?? candidates[0] ?? null;
      node.orphan = !node.parent;
    }
  }
  breakCycles(nodes);
  const roots = [];
  for (const node of nodes) (node.parent?.children ?? roots).push(node);
  const byStart = (a, b) => a.span.startTime - b.span.startTime || b.span.duration - a.span.duration;
  roots.sort((a, b) => a.orphan - b.orphan || byStart(a, b));
  const order = [];
  const stack = roots.slice().reverse();
  while (stack.length) {
    const node = stack.pop();
    node.level = node.parent ? node.parent.level + 1 : 0;
    node.children.sort(byStart);
    order.push(node);
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]);
  }
  finish(order);
  return order;
}

/** `envoy`, `sidelight`, or nothing if the span is a service's own. */
function proxyKind(span) {
  if (tag(span, 'component') === 'proxy') return 'envoy';
  const scope = String(tag(span, 'otel.scope.name') ?? tag(span, 'otel.library.name') ?? '');
  return scope === 'sidelight.proxy' ? 'sidelight' : scope.startsWith('envoy') ? 'envoy' : '';
}

/**
 * Calls through proxies: the first span of each gets `hop` with its spans and shares, the others `head`;
 * `shown` is the level when every hop is one row. The same rules as the tree answer of the server.
 */
export function foldHops(nodes) {
  const kind = (node) => tag(node.span, 'span.kind');
  for (const node of nodes) node.proxy = proxyKind(node.span);
  const workload = (node) => node.service.split('.')[0];
  const crosses = (a, b) => kind(a) === 'client' && kind(b) === 'server' && workload(a) !== workload(b);
  let count = 0;
  for (const first of nodes) {
    if (!first.head && (first.proxy || kind(first) === 'client')) {
      const hop = { nodes: [first], network: 0, proxies: 0 };
      let [found, networks] = [Boolean(first.proxy), 0];
      for (let last = first; last.children.length === 1;) {
        const next = last.children[0];
        const network = crosses(last, next);
        if (!['client', 'server'].includes(kind(next)) || (network && networks)) break;
        if (kind(next) === 'client' && kind(last) === 'server' && last.proxy !== 'sidelight') break;
        if (!next.proxy && !(kind(next) === 'server' && found)) break;
        hop[network ? 'network' : 'proxies'] += Math.max(0, last.span.duration - next.span.duration);
        networks += network ? 1 : 0;
        found ||= Boolean(next.proxy);
        hop.nodes.push(next);
        if (!next.proxy) break;
        last = next;
      }
      if (found && hop.nodes.length > 1) {
        first.hop = hop;
        for (const node of hop.nodes.slice(1)) node.head = first;
        count += 1;
      }
    }
    first.shown = first.head ? first.head.shown : first.parent ? first.parent.shown + 1 : 0;
  }
  return count;
}

/** By how many microseconds the clock of a called service is ahead of its caller's, at least and at most. */
export function clockSkews(nodes) {
  const found = new Map();
  for (const node of nodes) {
    const parent = node.parent;
    if (!parent || parent.service === node.service || tag(parent.span, 'span.kind') !== 'client' || tag(node.span, 'span.kind') !== 'server') continue;
    const key = `${parent.service}\n${node.service}`;
    const skew = found.get(key) ?? { client: parent.service, server: node.service, least: -Infinity, most: Infinity, calls: 0 };
    const starts = node.span.startTime - parent.span.startTime;
    skew.most = Math.min(skew.most, starts);
    skew.least = Math.max(skew.least, starts + node.span.duration - parent.span.duration);
    skew.calls += 1;
    found.set(key, skew);
  }
  return [...found.values()];
}

function breakCycles(nodes) {
  const settled = new Set();
  for (const node of nodes) {
    const path = new Set();
    for (let at = node; at && !settled.has(at); at = at.parent) {
      if (path.has(at)) {
        at.parent = null;
        at.orphan = true;
        break;
      }
      path.add(at);
    }
    for (const seen of path) settled.add(seen);
  }
}

function finish(order) {
  const failedBelow = new Set();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i];
    const parent = node.parent;
    // Where an error began: it fails, and nothing below it does.
    node.origin = node.error && !failedBelow.has(node);
    if (!parent) continue;
    parent.descendants += 1 + node.descendants;
    if (node.error || failedBelow.has(node)) failedBelow.add(parent);
    node.skewed = node.span.startTime < parent.span.startTime
      || node.span.startTime > parent.span.startTime + parent.span.duration;
  }
}
