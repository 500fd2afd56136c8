#pragma once
/* Adds to ck_work_done(). */
void ck_count_work(double operations);
