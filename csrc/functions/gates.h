// The gates of a recurrent net's step at array level: check, and call the table. Results are written into given arrays.
//
// All arrays are (batch, gates * size) of one floating dtype, the gates side by side; half types are computed in float.
#pragma once
#include "../array.h"

namespace tx {

// x, hidden (4 size), c -> gates (4 size: i, f, g, o), new_c, h
void lstm_gates(const Array& x, const Array& hidden, const Array& c, const Array& gates, const Array& new_c,
                const Array& h);
// gates, new_c, c, grad_h -> grad_x (4 size); grad_c: that of new_c becomes that of c
void lstm_gates_grad(const Array& gates, const Array& new_c, const Array& c, const Array& grad_h, const Array& grad_c,
                     const Array& grad_x);
// x, hidden (3 size), h -> gates (4 size: r, z, n and hidden's part of n), new_h
void gru_gates(const Array& x, const Array& hidden, const Array& h, const Array& gates, const Array& new_h);
// gates, h -> grad_x, grad_hidden (3 size); grad_h: that of new_h becomes the part of that of h which hidden has not
void gru_gates_grad(const Array& gates, const Array& h, const Array& grad_h, const Array& grad_x,
                    const Array& grad_hidden);

}  // namespace tx
