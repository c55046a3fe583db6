package main

import (
	"flag"
	"fmt"
	"math"

	"github.com/polluxhub/pollux/bench/scale"
)

// scaled prints what many clients need.
func scaled(args []string) error {
	all := scale.Defaults()
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	for i, one := range all {
		flags.Float64Var(&all[i].Value, one.Name, one.Value, one.Unit+" "+one.Meaning)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, one := range all {
		if !(one.Value > 0) && one.Name != "hop" || math.IsInf(one.Value, 0) {
			return fmt.Errorf("-%s is %v: want more than 0", one.Name, one.Value)
		}
	}
	fmt.Print(all.Text())
	return nil
}
