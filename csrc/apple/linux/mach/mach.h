// The few Mach names in metal-cpp's interface, for Linux.
#pragma once

typedef int kern_return_t;
typedef unsigned int task_id_token_t;
