import DurableFiles
import Testing
import TestSupport

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

    @Test func `a job whose place stays full is told once, and waits twice as long each time`() {
        let scheduler = Scheduler()
        let job = job("a", in: "/in")
        scheduler.register(job)
        var now = 100.0
        for (i, wait) in [10.0, 20, 40, 80, 160, 320, 320, 320].enumerated() {
            #expect(scheduler.postpone(job, kind: "full", now) == (i == 0))
            _ = scheduler.pauseStarts("out: full", kind: "full", isOfRun: true, now)
            #expect(scheduler.isPostponed(job))
            #expect(scheduler.areStartsPaused(now + wait / 2 - 0.1))
            scheduler.resumeStarts(now + wait / 2)
            #expect(!scheduler.areStartsPaused(now + wait / 2), "another job starts after half of the wait")
            #expect(scheduler.takeNext(now + wait - 0.1) == nil)
            #expect(scheduler.takeNext(now + wait)?.name == "a")
            now += wait
        }
        #expect(scheduler.postpone(job, kind: "read-only", now), "another reason is news")
        #expect(scheduler.takeNext(now + 10)?.name == "a")
        scheduler.forget(job)
        #expect(!scheduler.hasPostponed)
    }

    @Test func `a run that succeeds shortens the pause of all starts again`() {
        let scheduler = scheduler()
        for (i, pause) in [5.0, 10, 20].enumerated() {
            #expect(scheduler.postpone(job("a\(i)", in: "/in"), kind: "full", 100))
            _ = scheduler.pauseStarts("full", isOfRun: true, 100)
            #expect(scheduler.areStartsPaused(100 + pause - 0.1) && !scheduler.areStartsPaused(100 + pause))
        }
        _ = scheduler.placeWorked(byStart: true)
        _ = scheduler.postpone(job("d", in: "/in"), kind: "full", 100)
        _ = scheduler.pauseStarts("full", isOfRun: true, 100)
        #expect(scheduler.areStartsPaused(139), "a start shows nothing")
        _ = scheduler.placeWorked()
        _ = scheduler.postpone(job("e", in: "/in"), kind: "full", 200)
        _ = scheduler.pauseStarts("full", isOfRun: true, 200)
        #expect(!scheduler.areStartsPaused(205))
    }

    @Test func `a place that is better ends all postponements at once, and the next is told again`() {
        let scheduler = Scheduler()
        let job = job("a", in: "/in")
        scheduler.register(job)
        for _ in 0..<5 { _ = scheduler.postpone(job, kind: "full", 100) }
        _ = scheduler.pauseStarts("full", isOfRun: true, 100)
        #expect(scheduler.takeNext(101) == nil && scheduler.areStartsPaused(101))
        #expect(scheduler.nextTime(101) == 106, "the daemon looks at the place every five seconds")
        scheduler.endPostponements()
        #expect(!scheduler.areStartsPaused(101) && scheduler.takeNext(101)?.name == "a")
        #expect(scheduler.postpone(job, kind: "full", 102))
    }

    @Test func `what a place shows is better only if it is better than under every failure`() throws {
        let full = PlaceCondition(freeBytes: 0, freeFiles: 100, isWritable: true, missing: 0)
        func place(_ bytes: UInt64, _ files: UInt64 = 100, _ isWritable: Bool = true, _ missing: Int = 0)
            -> PlaceCondition
        { PlaceCondition(freeBytes: bytes, freeFiles: files, isWritable: isWritable, missing: missing) }
        func why(_ now: PlaceCondition, _ earlier: PlaceCondition) -> String? {
            now.improvement(over: earlier)
        }
        #expect(why(place(0), full) == nil && why(place(1 << 19), full) == nil)
        #expect(why(place(1 << 20), full) == "there is more space")
        #expect(why(place(0, 116), full) == "there is more space")
        #expect(why(full, place(0, 100, false)) == "it may be written")
        #expect(why(full, place(0, 100, true, 1)) == "its folder is there")
        #expect(why(place(0, 100, false), full) == nil)
        let best = full.best(with: place(5 << 20, 50, false, 1))
        #expect(best == place(5 << 20))
        #expect(why(place(5 << 20), best) == nil, "space that was not enough is no news")
        #expect(why(place(.max), place(.max)) == nil)
    }

    @Test func `a folder that comes back is seen, once and not before ten seconds`() throws {
        let scratch = try ScratchFolder()
        let (files, out) = (PosixFileSystem(), "\(scratch.path)/gone/out")
        var places = FailedPlaces()
        places.note(out, 100)
        try files.createDirectory(out)
        #expect(places.improved(109) == nil)
        let improved = places.improved(110)
        #expect(improved?.path == out && improved?.why == "its folder is there")
        #expect(places.improved(116) == nil)
        places.forgetAll()
        #expect(places.improved(200) == nil)
    }
}
