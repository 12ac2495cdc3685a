// Kubernetes' resource.Quantity: a fixed-point number with a suffix, "100m", "1.5Gi", "12e6".
// A value is mantissa * 10^exponent with no part below a nano (1e-9): finer input is rounded away from zero, so asking
// for a little never means nothing. The format it was written in is kept and decides how it is printed.
// Bounds: 128-bit mantissa, which is 36 decimal digits (34 before Ki, 19 before Ei); longer input is rounded away from
// zero. Binary quantities are capped at 2^63-1, as in Kubernetes.
// Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "objects/json.h"
#include "objects/result.h"

namespace kring {

class Quantity {
 public:
  enum class Format : uint8_t { decimal_si, binary_si, decimal_exponent };

  Quantity() = default;
  explicit Quantity(int64_t value, Format format = Format::decimal_si);
  static Quantity milli(int64_t thousandths, Format format = Format::decimal_si);

  // Errors: bad_request, worded as Kubernetes ("quantities must match the regular expression '...'").
  static Result<Quantity> parse(std::string_view text);
  // A quantity as JSON has it: text, or a number; surrounding spaces are allowed, null is zero.
  static Result<Quantity> from_json(const json::Value& value);

  // The canonical form: no fraction, the largest suffix that leaves an integer.
  std::string to_string() const;

  // The value in units / thousandths / 10^scale, rounded away from zero and capped at what int64 holds.
  int64_t value() const { return scaled_value(0); }
  int64_t milli_value() const { return scaled_value(-3); }
  int64_t scaled_value(int scale) const;
  double approximate() const;

  Format format() const { return format_; }
  bool is_zero() const { return mantissa_ == 0; }
  int sign() const { return mantissa_ > 0 ? 1 : mantissa_ < 0 ? -1 : 0; }

  // A zero takes the other side's format, as in Kubernetes.
  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }
  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }
  Quantity operator-() const;
  Quantity operator*(int64_t factor) const;

  // By value: 1 == 1000m, 1Ki == 1024.
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b);
  friend bool operator==(const Quantity& a, const Quantity& b) { return (a <=> b) == 0; }

 private:
  using Mantissa = __int128;

  Quantity(Mantissa mantissa, int32_t exponent, Format format);
  void normalise();

  Mantissa mantissa_ = 0;  // no trailing decimal zero; 0 has exponent 0
  int32_t exponent_ = 0;   // >= -9
  Format format_ = Format::decimal_si;
};

// What a server stores and prints for this text: the text itself where Kubernetes keeps it, else the canonical form.
Result<std::string> canonical_quantity(std::string_view text);

}  // namespace kring
