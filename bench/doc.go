// Command registry-bench measures the registry beside what people use instead and beside the machine's limits:
// real processes over loopback, one server alive at a time, and writes docs/performance.md.
//
// A row of the table of targets (ratios.yaml) is one or more groups. A group has sides, which are measured in
// rounds that go to and fro (A B, B A), and checks, each a value of every round: mostly the ratio of two sides.
// What counts is the median over the rounds. Nothing is taken on trust: bodies are hashed, an answer that is not
// a success fails the row, and a round in which other processes had more than 15 % of the machine is repeated.
//
//	registry-bench run    [-rows 1,2] [-quick] [-out results.json] ...
//	registry-bench report [-results results.json] ...   writes the page
//	registry-bench check  [-results results.json]       compares with ratios.yaml
package main
