import Testing

@testable import DaemonCore

/// What keeps jobs from starting.
@Suite struct SchedulerTests {
    private func job(_ name: String, in inbox: String, priority: Int = 0) -> Job {
        let pair = Pair(
            inbox: inbox, spec: "\(name).yaml", image: "\(name).png", others: [], priority: priority,
            dropped: 0)
        return Job(id: "1-1-abcdef-\(name)", pair: pair, digest: "")
    }

    private func scheduler() -> Scheduler {
        let scheduler = Scheduler()
        for job in [
            job("a", in: "/bad", priority: 9), job("b", in: "/bad", priority: 8), job("c", in: "/good"),
        ] {
            scheduler.register(job)
            scheduler.enqueue(job)
        }
        return scheduler
    }

    @Test func `an inbox that does not work pauses its own jobs alone, for five seconds`() {
        let scheduler = scheduler()
        #expect(scheduler.pauseStarts(of: "/bad", "no space", 100))
        #expect(!scheduler.areStartsPaused(101) && scheduler.isPaused("/bad", 104.9))
        #expect(scheduler.reasonForWaiting(101) == nil, "another job can start")
        #expect(scheduler.takeNext(101)?.name == "c")
        #expect(scheduler.takeNext(101) == nil && scheduler.reasonForWaiting(101) == "no space")
        #expect(scheduler.nextTime(101) == 105)
        scheduler.resumeStarts(105)
        #expect(scheduler.nextTime(105) == .infinity && scheduler.reasonForWaiting(105) == nil)
        #expect(scheduler.takeNext(105)?.name == "a")
    }

    @Test func `each inbox reports its reason once, and its end`() {
        let scheduler = scheduler()
        #expect(scheduler.pauseStarts(of: "/bad", "no space", 100))
        #expect(scheduler.pauseStarts(of: "/worse", "no disk", 100))
        #expect(!scheduler.pauseStarts(of: "/bad", "no space", 105))
        #expect(!scheduler.pauseStarts(of: "/worse", "no disk", 105))
        #expect(scheduler.pauseStarts("no outbox", 105) && scheduler.takeNext(106)?.name == "c")
        #expect(scheduler.areStartsPaused(106) && scheduler.reasonForWaiting(106) == "no outbox")
        #expect(scheduler.placeWorked("/worse") == "no disk" && scheduler.placeWorked("/worse") == nil)
        #expect(scheduler.placeWorked() == "no outbox")
        #expect(scheduler.isPaused("/bad", 106) && !scheduler.isPaused("/worse", 106))
        #expect(scheduler.pauseStarts(of: "/bad", "no space", 701), "it is told again after ten minutes")
        // The reasons of one kind name another file each time.
        #expect(scheduler.pauseStarts(of: "/bad", "x/1: full", kind: "full", 702))
        #expect(!scheduler.pauseStarts(of: "/bad", "x/2: full", kind: "full", 703))
        #expect(scheduler.pauseStarts(of: "/bad", "x/2: broken", kind: "broken", 704))
    }

    @Test func `a place that fails while a run writes is told once, until a run succeeds`() {
        let scheduler = scheduler()
        #expect(scheduler.pauseStarts("out/1: full", kind: "full", isOfRun: true, 100))
        #expect(scheduler.placeWorked(byStart: true) == nil, "the start of the next try shows nothing")
        #expect(!scheduler.pauseStarts("out/2: full", kind: "full", isOfRun: true, 110))
        #expect(scheduler.placeWorked() == "out/1: full")
        #expect(
            scheduler.pauseStarts("state: full", 120) && scheduler.placeWorked(byStart: true) == "state: full"
        )
    }
}
