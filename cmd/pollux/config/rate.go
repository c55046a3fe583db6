package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxRate is the largest number in a Rate.
const maxRate = 1000

// Rate is how many events there may be in a second or in a minute, such as 4/s. The zero
// value means any number.
type Rate struct {
	Events int
	Per    time.Duration
}

// Gap returns the time between two events, or 0 if there may be any number.
func (r Rate) Gap() time.Duration {
	if r.Events == 0 {
		return 0
	}
	return r.Per / time.Duration(r.Events)
}

// parseRate parses a rate. The error describes a valid one, and does not quote the text.
func parseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "/")
	events, err := strconv.Atoi(number)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit]
	if err != nil || strconv.Itoa(events) != number || events < 1 || events > maxRate || per == 0 {
		return Rate{}, fmt.Errorf("want a number from 1 to %d and a unit, for example 4/s or 30/m", maxRate)
	}
	return Rate{events, per}, nil
}
