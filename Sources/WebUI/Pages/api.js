// Requests to the server's own APIs. Errors carry what the server said.

import { h, replace } from './dom.js';

const tokenKey = 'sidelight-token';

export class APIError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Fetches JSON. A 401 asks for the bearer token, once, and tries again. */
export async function get(path, parameters, signal) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters ?? {})) {
    if (value !== null && value !== undefined && value !== '') query.append(key, value);
  }
  const url = query.size ? `${path}?${query}` : path;
  for (;;) {
    const headers = { accept: 'application/json' };
    const token = sessionStorage.getItem(tokenKey);
    if (token) headers.authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(url, { headers, signal });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new APIError('The server does not answer. Is sidelight running, and is the network up?', 0);
    }
    if (response.status === 401) {
      // Another request may have asked in the meantime.
      if (sessionStorage.getItem(tokenKey) === token) await askForToken(token !== null);
      continue;
    }
    const text = await response.text();
    let body = null;
    try { body = text ? JSON.parse(text) : null; } catch { body = null; }
    if (!response.ok || body?.status === 'error') throw new APIError(reason(response, body, text), response.status);
    if (body === null) throw new APIError(`${path} did not answer JSON`, response.status);
    return body;
  }
}

function reason(response, body, text) {
  if (typeof body?.error === 'string') return body.error;
  if (body?.error?.message) return body.error.message;
  if (body?.errors?.length) return body.errors.map((e) => e.msg ?? String(e)).join('; ');
  if (body?.message) return body.message;
  return text && text.length < 2000 ? text.trim() : `The server answered ${response.status}`;
}

let asking = null;
function askForToken(refused) {
  asking ??= new Promise((resolve) => {
    const input = h('input', { type: 'password', autocomplete: 'off', required: true, 'aria-label': 'Token' });
    const dialog = h('dialog', { 'aria-label': 'Token' });
    replace(dialog, h('form', {
      method: 'dialog',
      onsubmit: (event) => {
        event.preventDefault();
        sessionStorage.setItem(tokenKey, input.value.trim());
        dialog.remove();
        asking = null;
        resolve();
      },
    }, refused && h('p', { class: 'bad', role: 'alert' }, 'The server refused that token.'),
      h('p', {}, 'This server wants a token (one of those in its --token-file). It is kept until this tab is closed.'),
      input, ' ', h('button', { class: 'primary' }, 'Use token')));
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

export const jaeger = {
  services: async (signal) => (await get('/jaeger/api/services', {}, signal)).data ?? [],
  operations: async (service, signal) =>
    (await get(`/jaeger/api/services/${encodeURIComponent(service)}/operations`, {}, signal)).data ?? [],
  search: async (parameters, signal) => (await get('/jaeger/api/traces', parameters, signal)).data ?? [],
  trace: async (id, signal) => (await get(`/jaeger/api/traces/${encodeURIComponent(id)}`, {}, signal)).data?.[0] ?? null,
};

export const prometheus = {
  range: (parameters, signal) => get('/prometheus/api/v1/query_range', parameters, signal),
  names: async (signal) => (await get('/prometheus/api/v1/label/__name__/values', {}, signal)).data ?? [],
  rules: async (signal) => (await get('/prometheus/api/v1/rules', {}, signal)).data?.groups ?? [],
};

export const loki = {
  range: async (parameters, signal) => (await get('/loki/api/v1/query_range', parameters, signal)).data,
  labels: async (parameters, signal) => (await get('/loki/api/v1/labels', parameters, signal)).data ?? [],
  values: async (name, parameters, signal) =>
    (await get(`/loki/api/v1/label/${encodeURIComponent(name)}/values`, parameters, signal)).data ?? [],
};

export const sidelight = {
  logs: (traceId, signal) => get('/api/sidelight/logs', { traceId, limit: 500 }, signal),
  history: (signal) => get('/api/sidelight/alerts/history', {}, signal),
};
