internal import CLinux

/// Where the signals to the daemon come from.
protocol SignalSource: AnyObject {
    /// Readable when a signal waits; −1 where there is none to wait for.
    var descriptor: Int32 { get }
    /// Takes the next signal; nil: none waits.
    func next() -> Int32?
}

/// The signals of this process. It takes over their handling.
final class ProcessSignals: SignalSource {
    let descriptor = cl_signal_descriptor()

    func next() -> Int32? {
        let number = cl_next_signal(descriptor)
        return number == 0 ? nil : number
    }
}
