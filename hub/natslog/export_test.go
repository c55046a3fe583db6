package natslog

// Lose makes a log that is shared count as lost until it is heard again.
func Lose(l *Log) { l.lose(errSilent) }
