import DurableFiles
import Failures
import JobFiles
import ServiceConfiguration
import SpecParser
import YAMLDocuments

extension ClaimStore {
    /// The largest file of a picture whose header the daemon reads, bytes. Larger ones are left to the worker.
    private static let headerBytes = 64 << 20

    /// What is wrong with a claimed job's spec, as far as its text, its folder and the headers of its pictures tell: the job need
    /// not wait for its turn to learn of it. The worker judges the same again, with picture and model.
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
            try checkSizes(of: parsed, job)
            return nil
        } catch { return error }
    }

    /// Checks what depends on the sizes of the job's pictures. A picture that the worker refuses anyway is left to it.
    private func checkSizes(of parsed: ParsedSpec, _ job: Job) throws(Failure) {
        guard let pictures, parsed.dependsOnSize, let image = job.image, let size = size(of: image, job),
            min(size.width, size.height) >= pictures.shortestSide
        else { return }
        try parsed.validate(width: size.width, height: size.height)
        for region in parsed.spec.mask {
            guard case .file(let name) = region.value,
                let mask = self.size(of: PathCoding.text(of: name), job)
            else { continue }
            _ = try parsed.maskScale(name, at: region.mark, of: mask, on: size)
        }
        if let region = try parsed.workingRectangle(width: size.width, height: size.height) {
            try parsed.checkDrags(inside: region, width: size.width, height: size.height)
        }
    }

    /// Columns and rows of a picture of a claim; nil where they are not certain, or the picture has too many pixels.
    private func size(of name: String, _ job: Job) -> (width: Int, height: Int)? {
        let path = "\(job.claim)/\(name)"
        guard let pictures, !name.contains("/"), let status = try? files.status(path),
            status.kind == .file, status.size <= Self.headerBytes,
            let bytes = try? files.read(path, from: 0, count: Self.headerBytes),
            let size = pictures.size(bytes)
        else { return nil }
        let pixels = size.width.multipliedReportingOverflow(by: size.height)
        return pixels.overflow || pixels.partialValue > configuration.limits.pixels ? nil : size
    }
}
