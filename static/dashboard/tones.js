/** What the word of a state means for those who watch. */

const GOOD = /^(?:ok|okay|up|on|open|online|operational|healthy|healthz?|active|running|ready|success|succeeded|successful|passed|pass|completed|complete|live|normal|none|true|available|bound|in.?service|all systems operational|home|green|resolved)$/i;
const BAD = /down|outage|fail|error|critical|crash|major|unavailable|unhealthy|offline|dead|lost|red$|terminat|\boom|evict|cancel|breach|denied|reject/i;
const UNSURE = /degrad|partial|warn|minor|pending|progress|queued|waiting|stale|slow|unknown|maintenance|identified|investigating|monitoring|creating|amber|yellow|false|off|closed|not.?ready|stopped|idle/i;

/**
 * toneOf returns what a word seems to mean.
 * @param {string} word
 * @returns {'good' | 'bad' | 'unsure' | 'plain'}
 */
export function toneOf(word) {
  if (GOOD.test(word.trim())) return 'good';
  if (word.trim().split(' ').length > 3) return 'plain'; // a sentence is no state
  return BAD.test(word) ? 'bad' : UNSURE.test(word) ? 'unsure' : 'plain';
}
