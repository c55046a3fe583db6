// Package config declares the settings of Pollux and reads pollux.yaml, which can have
// all of them. [Flags] puts together what the command line, the environment, the file and
// the defaults say.
//
// # Declarations
//
// A setting is declared once, by the tag of a field of [Config] or [Stream]: see
// [Setting]. Flags, variables, the reader of files, help, docs/configuration.md and
// docs/pollux.schema.json come from it. Defaults, bounds and grammars come from the
// packages that use the values.
//
// # Contract
//
// [Load] and [Parse] return a configuration that has been checked as a whole, or an
// error. The error joins (errors.Join) one [*Error] for each mistake, in the order of
// the file. Each is one line, "file:line:column: message", and has the key, its value,
// and a description of a valid value. Mistakes are unknown keys, repeated keys, values
// of a wrong type, and invalid values. A mistake in the YAML itself ends the search;
// all other mistakes are found in one run.
//
// # Variables and files
//
// In a value, ${NAME} is replaced by the environment variable NAME, and
// ${NAME:-text} by text if NAME is empty or not set. Without a text, a variable that
// is not set is a mistake. $$ is one $, and any other $ is itself. Variables are
// replaced after the YAML was parsed, so their values are never parsed as YAML. Inside
// { } and [ ] YAML wants quotes around ${NAME}. Variables are replaced neither in keys
// nor in a file that a *_file key names. Relative paths start at the folder of the
// configuration. Without an environment (see [Options]) a value with a variable that
// has no default is valid, and a file that a *_file key names may be missing.
//
// # Secrets
//
// A setting that may be a secret is a [Secret], which prints as "[secret]". No error
// quotes a secret, the value of a variable, the content of a file, or a value that an
// anchor shares. An error about a URL quotes nothing of it, because a URL may have a
// token anywhere.
//
// # Limits
//
// A file has at most 4 MiB, 256 keys in a mapping and 16 levels. The bounds of lists
// are declared with the settings. A file that a *_file key names has at most 64 KiB,
// the one of tokens.file at most 4 MiB, and the values of all variables together at most
// 16 MiB. An alias shares the value
// that it stands for, so aliases of aliases cost nothing. Tags, directives, merge
// keys (<<) and complex keys (?) are refused.
//
// This package starts no goroutine and keeps no file open. It does not modify a
// [Config] that it has returned, so several goroutines may read one.
package config
