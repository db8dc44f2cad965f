import Telemetry

/// Numbers in the text forms of Go's `strconv.FormatFloat` with precision −1: the shortest digits that
/// read back the same.
package enum GoFloat {
    /// Format `'f'`: never an exponent, however many zeros that takes; `NaN`, `+Inf`, `-Inf`.
    package static func appendFixed(_ number: Double, to output: inout [UInt8]) {
        if mayBeShort(number), let decimal = ShortDecimal(number) {
            return decimal.append(to: &output)
        }
        if appendPlain(number, to: &output) { return }
        guard let decimal = finite(number, to: &output) else { return }
        let pointAt = decimal.pointAt
        if pointAt <= 0 {
            output.append(UInt8(ascii: "0"))
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -pointAt))
            output.append(contentsOf: decimal.digits)
        } else if pointAt >= decimal.digits.count {
            output.append(contentsOf: decimal.digits)
            output.append(
                contentsOf: repeatElement(
                    UInt8(ascii: "0"), count: pointAt - decimal.digits.count))
        } else {
            output.append(contentsOf: decimal.digits[..<pointAt])
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: decimal.digits[pointAt...])
        }
    }

    /// False for most doubles that are no decimal of up to six digits after the point. Such a decimal times
    /// 10^6 is whole but for two roundings, each by 2^-53 of it at most.
    private static func mayBeShort(_ number: Double) -> Bool {
        let millionths = number.magnitude * 1e6
        guard millionths < 1e15 else { return true }
        // Rounds to a whole number: above 2^52 doubles have no fraction.
        let whole = (millionths + 0x1p52) - 0x1p52
        return (millionths - whole).magnitude <= millionths * 0x1p-51
    }

    /// Appends the shortest digits as `description` has them, if that has no exponent for sure: the usual
    /// case, and quicker than taking it apart. False if nothing has been appended.
    private static func appendPlain(_ number: Double, to output: inout [UInt8]) -> Bool {
        // Beyond these bounds the description may have an exponent.
        guard number.magnitude >= 1e-4, number.magnitude < 0x1p53 else { return false }
        var stream = ByteStream()
        swap(&stream.bytes, &output)
        number.write(to: &stream)
        swap(&stream.bytes, &output)
        if output.last == UInt8(ascii: "0"), output[output.count - 2] == UInt8(ascii: ".") {
            output.removeLast(2)
        }
        return true
    }

    /// Takes the text of a number without a string of it in between.
    private struct ByteStream: TextOutputStream {
        var bytes: [UInt8] = []

        mutating func write(_ string: String) { bytes.append(contentsOf: string.utf8) }

        /// What the standard library calls with text that it knows to be ASCII; without it, it would call
        /// the other.
        mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
            bytes.append(contentsOf: buffer)
        }
    }

    /// Format `'e'`: one digit before the point, an exponent of at least two digits.
    package static func appendExponential(_ number: Double, to output: inout [UInt8]) {
        guard let decimal = finite(number, to: &output) else { return }
        output.append(decimal.digits[0])
        if decimal.digits.count > 1 {
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: decimal.digits[1...])
        }
        let exponent = number == 0 ? 0 : decimal.pointAt - 1
        output.append(UInt8(ascii: "e"))
        output.append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        if exponent.magnitude < 10 { output.append(UInt8(ascii: "0")) }
        JSONText.append(UInt64(exponent.magnitude), to: &output)
    }

    /// Significant digits; the point stands before digit `pointAt`.
    private struct Decimal {
        var digits: [UInt8] = []
        var pointAt = 0
    }

    /// Appends the sign of a finite number and gives its digits; appends the whole name of others.
    private static func finite(_ number: Double, to output: inout [UInt8]) -> Decimal? {
        guard number.isFinite else {
            let name: StaticString = number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
            name.withUTF8Buffer { output.append(contentsOf: $0) }
            return nil
        }
        if number.sign == .minus { output.append(UInt8(ascii: "-")) }
        return decimal(of: number.magnitude)
    }

    /// Takes apart what `description` writes, which has the shortest digits: `12.5`, `5e-324`.
    private static func decimal(of magnitude: Double) -> Decimal {
        var decimal = Decimal()
        var sawPoint = false
        var exponent = 0
        let text = magnitude.description
        for (index, byte) in zip(text.utf8.indices, text.utf8) {
            if byte == UInt8(ascii: ".") {
                sawPoint = true
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(text[text.utf8.index(after: index)...]) ?? 0
                break
            } else {
                if byte == UInt8(ascii: "0"), decimal.digits.isEmpty {
                    // A leading zero moves the point instead.
                    if sawPoint { decimal.pointAt -= 1 }
                    continue
                }
                decimal.digits.append(byte)
                if !sawPoint { decimal.pointAt += 1 }
            }
        }
        decimal.pointAt += exponent
        while decimal.digits.count > 1, decimal.digits.last == UInt8(ascii: "0") {
            decimal.digits.removeLast()
        }
        if decimal.digits.isEmpty { return Decimal(digits: [UInt8(ascii: "0")], pointAt: 1) }
        return decimal
    }
}

extension JSONWriter {
    /// A sample value as Prometheus's HTTP API writes it (prometheus/util/jsonutil, `MarshalFloat`): a
    /// string with Go's `'f'` form, or its `'e'` form below 1e-6 and from 1e21 on.
    package mutating func prometheusValue(_ number: Double) {
        quoted { JSONWriter.appendPrometheusValue(number, to: &$0) }
    }

    /// The text of `prometheusValue` without the quotes.
    package static func appendPrometheusValue(_ number: Double, to output: inout [UInt8]) {
        let magnitude = number.magnitude
        if magnitude != 0, magnitude < 1e-6 || (magnitude >= 1e21 && number.isFinite) {
            GoFloat.appendExponential(number, to: &output)
        } else {
            GoFloat.appendFixed(number, to: &output)
        }
    }

    /// A time in milliseconds as Prometheus's HTTP API writes it: seconds, with three digits after the
    /// point unless they are zero (`MarshalTimestamp`).
    package mutating func prometheusTime(milliseconds: Int64) {
        rawValue { output in
            if milliseconds < 0 { output.append(UInt8(ascii: "-")) }
            let (seconds, fraction) = milliseconds.magnitude.quotientAndRemainder(
                dividingBy: 1_000)
            JSONText.append(seconds, to: &output)
            guard fraction != 0 else { return }
            output.append(UInt8(ascii: "."))
            JSONText.append(padded: fraction, width: 3, to: &output)
        }
    }
}
