// Checks what is deployed against the types that will read it, without a cluster and without the network:
//
//	check kubernetes < manifests.yaml    each document, decoded strictly into its real type
//	check compose <file…>                a compose project, by the loader of docker compose
//
// Both print what they understood as JSON, for the tests. Mistakes go to standard error, and the exit code is 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: check kubernetes < manifests.yaml, or check compose <file…>"))
	}
	switch os.Args[1] {
	case "kubernetes":
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			fail(err)
		}
		objects, mistakes := checkManifests(input)
		for _, mistake := range mistakes {
			fmt.Fprintln(os.Stderr, mistake)
		}
		print(objects)
		if len(mistakes) > 0 {
			os.Exit(1)
		}
	case "compose":
		project, err := loadCompose(os.Args[2:])
		if err != nil {
			fail(err)
		}
		print(project)
	default:
		fail(fmt.Errorf("unknown: %s", os.Args[1]))
	}
}

// Only the variables of this process are interpolated: whoever checks says what `.env` would hold.
func loadCompose(files []string) (any, error) {
	options, err := cli.NewProjectOptions(files,
		cli.WithEnv(environment()),
		cli.WithName("berth"),
		cli.WithWorkingDirectory(filepath.Dir(files[0])),
		cli.WithInterpolation(true),
		cli.WithConsistency(true),
		cli.WithNormalization(true),
		cli.WithResolvedPaths(true),
		cli.WithProfiles([]string{"*"}),
	)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "COMPOSE_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func print(value any) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
