package watch

import "time"

// guard watches the disk of one database. The log that is held for an archive grows while
// the store is away, and a full disk would stop the database.
type guard struct {
	samples []sample // of the last ten minutes, the oldest first
	state   DiskState
	held    int64
	warned  alarm
}

// sample is a look at the disk.
type sample struct {
	at         time.Time
	free, held int64
}

// alarm says how soon the disk will be full.
type alarm int

const (
	calm        alarm = iota
	withinADay        // a warning
	withinHours       // an error
)

const (
	guardEvery = 10 * time.Second
	trendOver  = 10 * time.Minute
	trendLeast = 2 * time.Minute // less shows no trend
	dayLeft    = 24 * time.Hour
	hoursLeft  = 4 * time.Hour
)

// note takes in a look at the disk.
func (g *guard) note(now time.Time, free, total, held int64, minFree Size) {
	g.held = held
	g.state.FreeBytes, g.state.TotalBytes = free, total
	g.state.MinFreeBytes = minFree.Of(total)
	keep := 0
	for keep < len(g.samples) && now.Sub(g.samples[keep].at) > trendOver {
		keep++
	}
	g.samples = append(g.samples[:0], g.samples[keep:]...)
	g.samples = append(g.samples, sample{now, free, held})
	g.state.FullAt = g.fullAt()
}

// fullAt returns when the disk will be full, if both the log that is held and the disk go on
// as in the last minutes.
func (g *guard) fullAt() time.Time {
	first, last := g.samples[0], g.samples[len(g.samples)-1]
	over, less := last.at.Sub(first.at), first.free-last.free
	if over < trendLeast || less <= 0 || last.held-first.held < less/10 { // others fill it
		return time.Time{}
	}
	left := float64(last.free) / float64(less) * float64(over)
	if left > float64(365*day) {
		return time.Time{}
	}
	return last.at.Add(time.Duration(left))
}

// alarm returns how bad it is, and whether that is worse than what was said already.
func (g *guard) alarm(now time.Time) (is alarm, isNews bool) {
	switch left := g.state.FullAt.Sub(now); {
	case g.state.FullAt.IsZero() || left > dayLeft:
		is = calm
	case left > hoursLeft:
		is = withinADay
	default:
		is = withinHours
	}
	isNews = is > g.warned
	if is == calm || isNews {
		g.warned = is
	}
	return is, isNews
}

// mustGiveUp reports whether the hold has to be given up: the disk is nearly full, and the
// store is away, so that no backup can free the log.
func (g *guard) mustGiveUp(isAway bool) bool {
	return isAway && !g.state.GivenUp && g.held > 0 && g.isLow(0)
}

// mayHold reports whether a hold that was given up may be taken again: there is a little more
// room than where it was given up. The caller knows that the store answers.
func (g *guard) mayHold() bool { return !g.isLow(g.state.TotalBytes / 100) }

// isLow reports whether less is free than should be, and more.
func (g *guard) isLow(more int64) bool {
	return g.state.MinFreeBytes > 0 && g.state.TotalBytes > 0 && g.state.FreeBytes < g.state.MinFreeBytes+more
}
