/// Exit codes of sysexits(3).
public enum ExitStatus: Int32, Sendable {
    case ok = 0
    case usage = 64
    case badData = 65
    case noInput = 66
    case modelUnavailable = 69
    case internalError = 70
    case cannotCreate = 73
    case ioError = 74
    case tryLater = 75
    case badConfiguration = 78
}
