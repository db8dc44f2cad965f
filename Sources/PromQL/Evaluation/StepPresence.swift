extension Double {
    /// Whether a step has this value, as `StepValue.isPresent` tells: for loops over columns, in which a call
    /// into another module would take most of the time.
    @inline(__always)
    var isPresentStep: Bool { bitPattern != 0x7FF0_0000_0000_0002 }
}
