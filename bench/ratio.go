package main

import (
	"math"
	"slices"
)

// median of values, of which there is at least one.
func median(values []float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// percentile gives the value that a part p of the values does not exceed.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Clone(values)
	slices.Sort(s)
	return s[min(len(s)-1, int(p*float64(len(s))))]
}

// order gives the order of n sides in a round: A B, then B A.
func order(n, round int) []int {
	o := make([]int, n)
	for i := range o {
		o[i] = i
	}
	if round%2 == 1 {
		slices.Reverse(o)
	}
	return o
}
