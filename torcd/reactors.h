/*
 * reactors: what --help-reactors says.
 */
#ifndef TORCD_REACTORS_H
#define TORCD_REACTORS_H

#include <stdio.h>

/*
 * A line for each driver of this build, best first: its name, and whether it works on this machine
 * or why not, which is found out by trying.
 */
void torcd_reactors_print(FILE *file);

#endif /* TORCD_REACTORS_H */
