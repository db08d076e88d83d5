// SPDX-License-Identifier: Apache-2.0
// What can be downloaded: the numbers behind the plots.

export function save(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The series over the steps, by name. */
const traces = result => [...result.series].filter(([name]) => !name.startsWith('curve.'));

/** A line for each step and neuron. */
export function csv(result) {
  const columns = traces(result);
  const lines = [['step', 'neuron', ...columns.map(([name]) => name)].join(',')];
  for (let t = 0; t < result.steps; t++) {
    for (let n = 0; n < result.neurons; n++) {
      lines.push([t, n, ...columns.map(([, one]) => one.values[t * result.neurons + n])].join(','));
    }
  }
  return new Blob([lines.join('\n'), '\n'], { type: 'text/csv' });
}

/** All of it: series are arrays of steps, each an array of neurons; what is not finite is null, as JSON has it. */
export function json(result, settings, link) {
  const series = Object.fromEntries([...result.series].map(([name, { rows, columns, values }]) =>
    [name, Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * columns, (row + 1) * columns)))]));
  const { steps, neurons, device, config, compared, derived } = result;
  return new Blob([JSON.stringify({ link, settings, config, compared, steps, neurons, device, derived, series })],
    { type: 'application/json' });
}
