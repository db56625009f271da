package main

// terminalMutants are those of what people see, and where.
var terminalMutants = []mutant{
	{
		"a run that fails replaces the file of an earlier answer", "cmd/gbak-s3/format.go",
		"if f.held == nil || err != nil && !errors.As(err, &badNews) {", "if errors.As(err, &badNews); f.held == nil {",
		"./cmd/gbak-s3", "TestOutputFile",
	},
	{
		"a quiet run says nothing of damage", "cmd/gbak-s3/format.go",
		"	case badNews != nil:\n		_, failed", "	case badNews != nil && false:\n		_, failed",
		"./cmd/gbak-s3", "TestQuiet",
	},
	{
		"progress is shown over a question", "cmd/gbak-s3/screen.go",
		"	if s.asking {", "	if s.asking && false {",
		"./cmd/gbak-s3", "TestScreen",
	},
	{
		"a message is written into the line of the progress", "cmd/gbak-s3/screen.go",
		"	l.screen.eraseLocked()\n", "",
		"./cmd/gbak-s3", "TestScreen",
	},
	{
		"a run is at 100 % before all is done", "cmd/gbak-s3/gauge.go",
		"float64(total) * 100) }", "float64(total)*100 + 0.5) }",
		"./cmd/gbak-s3", "TestGaugeGoesForward",
	},
}
