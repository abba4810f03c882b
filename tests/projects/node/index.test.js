const assert = require('node:assert');
const test = require('node:test');
const milliseconds = require('./index.js');

test('durations', () => {
  assert.strictEqual(milliseconds('250'), 250);
  assert.strictEqual(milliseconds('2 minutes'), 120000);
});
