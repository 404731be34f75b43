// grafana-schema says what is wrong with dashboards, by the schema of Grafana and of its panels: fields that are
// missing, fields that are not known, values that are none. It reads the files that it is given, and ends with 1 if
// anything is wrong.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	wrong := false
	for _, file := range os.Args[1:] {
		if fault := check(file); fault != "" {
			fmt.Printf("%s: %s\n", file, fault)
			wrong = true
		}
	}
	if wrong {
		os.Exit(1)
	}
}

// check gives the faults of a file, by lines; none is an empty text, which the SDK makes an error of, too.
func check(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	var board dashboard.Dashboard
	if err := board.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := board.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
