const isNumber = require('is-number');
const ms = require('ms');

/** What a duration is in milliseconds, whatever way it is written. */
module.exports = function milliseconds(duration) {
  return isNumber(duration) ? Number(duration) : ms(String(duration));
};
