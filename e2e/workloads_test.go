package e2e

// workloads are what an application does to its database, and when it is backed
// up. docs/head-to-head.md says the same in words.
var workloads = []struct {
	name string
	play func(*contender)
}{
	{"incremental backups while commits go on", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 6 {
			c.do("commit", "1")
			c.while("during", "incremental")
		}
		c.backup(0)
	}},
	{"a transaction open during a full backup", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 2 {
			c.do("commit", "2")
			c.while("across", "full")
			c.do("commit", "2")
			c.backup(0)
		}
	}},
	{nothingLost, func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 4 {
			c.do("commit", "2")
			c.do("checkpoint")
			c.do("commit", "1")
			c.backup(0)
		}
	}},
	{"direct calls and checkpoints between backups", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 5 {
			c.do("direct", "2")
			c.do("checkpoint")
			c.backup(0)
			c.do("commit", "2")
			c.backup(0)
		}
	}},
	{aDirectory, func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 3 {
			c.do("commit", "2")
			c.backup(0)
			c.reopen(true)
			c.do("commit", "2")
			c.backup(0)
		}
	}},
	{"backup, clean close, reopen", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 3 {
			c.do("commit", "3")
			c.backup(0)
			c.reopen(false)
			c.do("commit", "2")
			c.backup(0)
		}
	}},
	{lostBy05, func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 3 {
			c.do("commit", "3")
			c.reopen(false)
			c.do("commit", "2")
			c.backup(0)
		}
	}},
	{"killed and reopened between backups", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for range 3 {
			c.do("commit", "2")
			c.backup(0)
			c.reopen(true)
			c.do("commit", "3")
			c.backup(0)
		}
	}},
	{"two destinations, one less often", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		c.do("commit", "2")
		c.backup(1)
		for range 2 {
			for range 2 {
				c.do("commit", "2")
				c.backup(0)
			}
			c.backup(1)
		}
	}},
	{"all of it", func(c *contender) {
		c.do("commit", "3")
		c.backup(0)
		for round := range 3 {
			c.do("commit", "2")
			c.do("checkpoint")
			c.while("during", "incremental")
			c.do("commit", "1")
			c.while("across", "incremental")
			c.backup(0)
			c.reopen(round == 1)
			c.do("commit", "2")
			if round == 1 {
				c.while("across", "full")
			}
			c.do("commit", "1")
			c.backup(0)
		}
	}},
}
