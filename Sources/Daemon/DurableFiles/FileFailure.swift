import Failures

extension Failure {
    /// A failed system call as a failure, with its reason and its remedy.
    ///
    /// - Parameter kind: the file's role for the caller; by default a place that does not work.
    public init(_ error: FileError, _ kind: Kind = .badPlace) {
        self.init(
            kind, code: error.code, message: error.reason, file: PathCoding.shown(error.path),
            hint: error.remedy, isRetryable: error.isTransient)
    }
}
