// Package config reads pollux.yaml, the file that says what Pollux streams.
//
// # Contract
//
// [Load] and [Parse] return a configuration that has been judged as a whole, or
// an error. The error is a list, joined by errors.Join and in the order of the
// file, of an [*Error] for each mistake: "file:line:column: message" in one line,
// which names the key, what it is, and what would be right. Unknown keys, keys
// that appear twice, values of a wrong type, and values that make no sense are
// mistakes. Only what keeps the file from being read as YAML ends the search.
//
// # Variables and files
//
// In a value, ${NAME} is replaced by the environment variable NAME, and
// ${NAME:-text} by text where NAME is empty or not set; without that text this is
// a mistake. $$ is one $, and any other $ is itself. This happens after the YAML
// was read, so nothing in a variable becomes YAML; inside { } and [ ] YAML wants
// quotes around ${NAME}. Keys, and values in files that a *_file key names, are
// taken as they are. Relative paths start at the folder of the configuration.
// Without an environment (see [Options]) a value with a variable that has no default
// may be any, and is right as far as that goes; a file that a *_file key names may be
// missing.
//
// # Secrets
//
// Whatever may be a secret is a [Secret], which prints as "[secret]" wherever it
// is printed. No error quotes one, nor what came from a variable or a file, nor a
// value that is shared by an anchor. Of a URL, which may carry a token anywhere,
// an error quotes nothing.
//
// # Limits
//
// The file has 1 MiB at most, 10,000 streams, 256 keys in a mapping and 16 levels;
// a list has 100 entries, allow_origins 1,000. What a *_file key names has 64 KiB,
// and what variables are replaced by, together, 16 MiB. An alias shares the value
// that it stands for, so aliases of aliases cost nothing. Tags, directives, merge
// keys (<<) and complex keys (?) are refused.
//
// Nothing here starts a goroutine or keeps a file open. A [Config] is not modified
// once it was returned, and may be read by all.
package config
