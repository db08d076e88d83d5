// SPDX-License-Identifier: Apache-2.0
// What the server is asked, and how its replies are read.

/** A request that was refused: what is wrong, by setting. */
export class Refusal extends Error {
  constructor(message, fields) {
    super(message);
    this.fields = fields;
  }
}

const BUSY = 429;
const TRIES = 20;
const pause = ms => new Promise(done => setTimeout(done, ms));

/** Refusals of settings come as replies, not as failures, which browsers would report on the console. */
async function post(path, settings, traces) {
  const body = { settings, traces, refusals: 'reply' };
  for (let tries = 1; ; tries++) {
    let response;
    try {
      response = await fetch(path, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
      });
    } catch {
      throw new Refusal('The server does not answer. Is ./qlif dashboard still running?', {});
    }
    if (response.ok) {
      if (!response.headers.get('Refused')) return response;
      const refusal = await response.json();
      throw new Refusal(refusal.error, refusal.fields);
    }
    if (response.status === BUSY && tries < TRIES) {
      await pause(100);
      continue;
    }
    const refusal = await response.json().catch(() => ({}));
    throw new Refusal(refusal.error ?? `The server answered with status ${response.status}`, refusal.fields ?? {});
  }
}

export async function catalogue() {
  const response = await fetch('api/catalogue');
  if (!response.ok) throw new Refusal(`The server answered with status ${response.status}`, {});
  return response.json();
}

/** Runs: facts, and series by name, each with rows, columns and values in a Float32Array. */
export async function run(settings, traces) {
  const response = await post('api/run', settings, traces);
  const bytes = await response.arrayBuffer();
  const length = new DataView(bytes).getInt32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const series = new Map();
  let offset = 4 + length;
  for (const { name, rows, columns } of facts.series) {
    series.set(name, { rows, columns, values: new Float32Array(bytes, offset, rows * columns) });
    offset += 4 * rows * columns;
  }
  return { ...facts, series };
}

export async function measure(settings) {
  return (await post('api/measure', settings, [])).json();
}
