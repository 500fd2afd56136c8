import DurableFiles
import Failures
import JobFiles
import SpecParser

extension ClaimStore {
    /// What is wrong with a claimed job's spec, as far as its text and its folder tell: the job need not wait for its turn to
    /// learn of it. The worker judges the same again, with picture and model.
    func mistake(in job: Job) -> Failure? {
        if !job.ambiguous.isEmpty { return Failure(ambiguous: job.spec, among: job.ambiguous) }
        // What cannot be read now is no mistake of its author.
        guard
            let bytes = try? files.read("\(job.claim)/\(job.spec)", from: 0, count: SettlingFile.specBytes)
        else { return nil }
        do throws(Failure) {
            let parsed = try parseSpec(bytes, file: PathCoding.shown(job.spec))
            for reference in parsed.spec.references {
                _ = try parsed.resolve(reference) { name in
                    PathCoding.resolved(
                        name.map { "\(job.claim)/\(PathCoding.text(of: $0))" } ?? job.claim)
                }
            }
            return nil
        } catch { return error }
    }
}
