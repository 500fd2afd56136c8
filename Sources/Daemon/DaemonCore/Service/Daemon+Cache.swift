import DurableFiles
import SpecParser

extension Daemon {
    /// The cache of fine-tunings and inversions in the state folder.
    static func cache(_ configuration: Configuration, _ setup: DaemonSetup) -> ContentCache {
        ContentCache(folder: "\(setup.stateFolder)/cache", limit: configuration.limits.cache)
    }

    /// Moves what a job's worker has finished of its stages into the cache, whether it lives no more or is done: its next
    /// try, and the next edit of the same picture, begin there. A cache that cannot be written costs time, not the job.
    func keepStages(of job: Job) {
        try? cache.takeOver("\(store.making(job))/\(ContentCache.drawerName)")
    }
}
